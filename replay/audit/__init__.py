"""Tables of features compared: what differs, how, and whether that is more than chance."""
