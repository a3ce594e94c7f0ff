"""Hypotheses that explain the same rows as a cause: whether the model could see which, and what would tell."""
