"""Request logs into the lake, a folder of Parquet files, and queries over it."""
