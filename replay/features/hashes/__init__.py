"""Hash functions, one file each."""
