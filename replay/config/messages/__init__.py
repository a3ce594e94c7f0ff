"""Mistakes in a config: what they are about, and their messages."""
