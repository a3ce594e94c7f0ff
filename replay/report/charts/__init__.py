"""The report's charts, as SVG: one file each."""
