"""Every kind of feature beside a careful loop by hand: a table and a model of all of them, and of each alone."""
