"""``model``: how logged columns become forward()'s arguments, and its answer a score."""
