"""What a config's contract is, what another does differently, and what that costs."""
