"""How far replayed and online scores differ when nothing is wrong."""
