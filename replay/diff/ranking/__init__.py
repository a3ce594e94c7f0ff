"""How the order within groups changes."""
