"""Columns of tables that are not joined: counts by cell, and whether two distributions differ."""
