"""Formulas without state. Each takes sums and gives numbers; ``replay.metrics`` holds the states that keep the sums."""
