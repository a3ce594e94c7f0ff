"""What each command does, readable as prose: prepare, run, validate, draft, explain one row, score a DataFrame."""
