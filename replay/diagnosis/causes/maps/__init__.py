"""Maps of one feature: which served value each logged value became."""
