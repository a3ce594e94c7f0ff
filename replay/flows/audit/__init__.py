"""`replay audit`: tables of features compared with the traffic, and what their differences cost."""
