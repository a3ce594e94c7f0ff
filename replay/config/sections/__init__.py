"""One file a section of the config: its keys, their types, and how they go together."""
