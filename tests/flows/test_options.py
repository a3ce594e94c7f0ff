"""What the command line decides beside the config: nothing, unless it is said."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict

import pytest

from replay.flows.options import Options


def test_by_default_no_checkpoint_may_run_code_or_hold_what_is_no_number():
    assert asdict(Options()) == {"master": None, "conf": {}, "allow_pickle": False, "allow_non_finite": False}


def test_settings_are_of_one_options_alone():
    assert Options().conf is not Options().conf


def test_options_are_frozen():
    with pytest.raises(FrozenInstanceError):
        Options().allow_pickle = True  # type: ignore[misc]
