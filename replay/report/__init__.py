"""The results of a run as data, and their renderers: terminal, JSON, one HTML file. Needs neither Spark nor torch."""
