"""What a run found, as data, and its faces: terminal, JSON, one HTML file. Knows neither Spark nor torch."""
