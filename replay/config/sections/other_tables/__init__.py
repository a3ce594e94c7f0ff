"""Tables beside the traffic: what they are, and what is asked of the two together."""
