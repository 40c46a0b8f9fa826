"""Store datasets and find stored ones again, by their Parquet files, their card and their fingerprint."""
