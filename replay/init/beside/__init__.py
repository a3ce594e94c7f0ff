"""What lies beside a checkpoint: vocabularies, and numbers by which serving scales."""
