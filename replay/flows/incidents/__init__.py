"""From the scores table to incidents with their causes, and their words."""
