"""How rows become sessions: partitioned by code, sorted, freed of duplicates, numbered as units and given a value."""
