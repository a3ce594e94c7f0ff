"""Kinds of features, a file each: how a table holds them, and how a careful loop by hand encodes them."""
