"""Transforms of logged numbers, one file each."""
