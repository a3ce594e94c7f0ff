"""What Spark's tasks do for us: answers of a few bytes, and tables as Arrow batches."""
