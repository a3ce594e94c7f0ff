"""Which counterfactuals make the replay agree with what online answered."""
