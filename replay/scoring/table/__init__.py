"""From tasks that score to the scores table: files, what is counted of them, and waves of commits."""
