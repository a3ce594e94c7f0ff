"""Kinds of cause, one a file: how each is proposed, replayed, refined and put into words."""
