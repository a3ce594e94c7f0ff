"""Another table on the disk of the machine that all tasks run on, where they find its rows by key themselves."""
