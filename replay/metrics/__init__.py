"""Quality metrics: formulas over sums, and mergeable states that keep the sums."""
