"""Perturbations, one a file; each is found because its file is here."""
