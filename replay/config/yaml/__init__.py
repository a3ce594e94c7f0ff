"""YAML to plain data that remembers its lines, and ``--set`` written over it."""
