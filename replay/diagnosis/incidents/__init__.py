"""When and for whom online and replayed scores differ."""
