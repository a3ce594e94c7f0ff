"""How a mistake in a config is put into words."""
