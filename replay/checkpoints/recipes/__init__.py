"""Checkpoints that are made of others: altered, spliced, routed."""
