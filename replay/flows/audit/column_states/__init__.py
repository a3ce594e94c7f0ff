"""What the states of columns say: rows of the ``features`` table, schedules, and additions to the summary."""
