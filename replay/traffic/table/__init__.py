"""The logged table: found, pinned, listed and checked."""
