"""Audits told: in words, on the page, in a terminal; and their gates judged."""
