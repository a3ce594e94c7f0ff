"""Other tables that a run takes values from."""
