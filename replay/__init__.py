"""Offline batch replay and inference for ranking models."""
