"""Rows that were logged more than once: found before scoring, and left out where tasks read."""
