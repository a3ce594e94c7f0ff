"""The parts of ``make bench``, each of which prints what it measures."""
