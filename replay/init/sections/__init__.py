"""The sections of a drafted config as lines of YAML, with a comment for each guess."""
