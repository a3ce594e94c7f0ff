"""What the command line decides beside the config: nothing, unless it is said."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict

import pytest

from replay.flows.options import Options


def test_by_default_no_checkpoint_may_run_code_or_hold_what_is_no_number():
    assert asdict(Options()) == {
        "master": None,
        "conf": {},
        "allow_pickle": False,
        "allow_non_finite": False,
        "strict": False,
    }


def test_settings_are_of_one_options_alone():
    assert Options().conf is not Options().conf


def test_options_are_frozen():
    with pytest.raises(FrozenInstanceError):
        Options().allow_pickle = True  # type: ignore[misc]


def test_what_a_command_needs_as_well_is_there_but_for_secrets():
    secrets = dict.fromkeys(("spark.hadoop.fs.s3a.secret.key", "spark.hadoop.fs.s3a.access.key"), "x")
    conf = {**secrets, "spark.sql.ansi.enabled": "a b"}
    given = Options(master="local[1]", conf=conf, allow_pickle=True, allow_non_finite=True)
    assert given.flags == ("--allow-pickle", "--allow-non-finite", "--conf", "spark.sql.ansi.enabled=a b")
    assert Options().flags == ()
