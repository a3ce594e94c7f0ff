"""One file or folder a format: what tells it, what can be read of it without running it, how it is opened."""
