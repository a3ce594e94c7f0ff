"""One file a section of the config: its keys, their types, and what no single key can tell."""
