"""The kinds of fix, each a file that registers itself."""
