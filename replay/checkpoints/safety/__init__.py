"""A checkpoint is untrusted input: archives, pickles and operators are known by name, or refused."""
