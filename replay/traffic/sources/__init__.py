"""Other tables beside the logged one: found and pinned, checked against it, and joined to it."""
