"""Delta tables: by Spark's SQL, by their log's own text, and what a session keeps of them in memory."""
