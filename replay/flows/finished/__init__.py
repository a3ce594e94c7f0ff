"""Runs that are finished: found again, judged again and shown, without Spark and without torch."""
