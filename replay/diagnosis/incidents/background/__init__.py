"""How far what is normal stands out by itself, and what evidence is left beyond that."""
