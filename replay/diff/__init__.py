"""Replayed scores against what online answered, and against a baseline."""
