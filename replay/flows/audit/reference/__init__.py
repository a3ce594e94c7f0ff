"""Costs of audits whose tables are not joined: the other table's rows, replayed as the traffic has its features."""
