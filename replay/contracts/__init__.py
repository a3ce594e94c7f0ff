"""Contracts as things of their own: their fingerprints, and the one definition that trainers and servers can share."""
