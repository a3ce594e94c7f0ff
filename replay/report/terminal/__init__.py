"""The report and the progress in a terminal or a scheduler's log."""
