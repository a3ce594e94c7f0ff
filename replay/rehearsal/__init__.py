"""A rehearsal: a few thousand logged rows go through the contract and every checkpoint before all of them do."""

from replay.rehearsal.rows import RehearsedRows

__all__ = ["RehearsedRows"]
