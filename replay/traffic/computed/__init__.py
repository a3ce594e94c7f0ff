"""Columns that are computed from logged ones: ``traffic.columns``, and event times that are no timestamps."""
