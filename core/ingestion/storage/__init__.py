"""How a dataset is stored and found again: its Parquet files, its card and its fingerprint."""
