"""Processes killed at random while a run goes on, and whether that can be seen in what it leaves."""
