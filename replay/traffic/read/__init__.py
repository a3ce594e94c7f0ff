"""The rows of the pinned table: by tasks that read row groups, or by Spark's scan."""
