"""Sums and measures by segment value and time bucket."""
