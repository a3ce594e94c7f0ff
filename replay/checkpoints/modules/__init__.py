"""Modules of torch: built by the user's factory, filled with a file's weights, or given others in their place."""
