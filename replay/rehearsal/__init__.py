"""A rehearsal: a few thousand logged rows go through the contract and every checkpoint before all of them do."""

from replay.rehearsal.rehearse import ContractCheck, Rehearsal, check_contract, rehearse
from replay.rehearsal.rejects import RejectedFeature
from replay.rehearsal.rows import RehearsedRows

__all__ = ["ContractCheck", "RehearsedRows", "RejectedFeature", "Rehearsal", "check_contract", "rehearse"]
