"""What would have been answered, had a hypothesis been true: the rows of an incident, scored again under it."""
