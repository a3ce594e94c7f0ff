"""One column's values in the storage of a tensor dtype."""
