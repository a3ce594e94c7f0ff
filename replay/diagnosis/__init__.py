"""Incidents: when and for whom online and replayed scores differ, and what explains it."""
