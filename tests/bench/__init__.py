"""Speed and memory side by side, in one run: ``make bench``. Figures are ratios; nothing here is asserted."""
