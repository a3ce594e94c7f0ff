"""Settings of a session, compared, changed and lent: on a session's configuration alone."""

from __future__ import annotations

from typing import Any

import pytest

from replay.errors import UsageError
from replay.spark.settings import change_settings, check_settings, lent_settings, needed_settings


class Conf:
    """``RuntimeConfig``, as far as it is used."""

    def __init__(self, **values: str) -> None:
        self.getAll = {key.replace("__", "."): value for key, value in values.items()}

    def get(self, key: str) -> str:
        return self.getAll[key]

    def set(self, key: str, value: str) -> None:
        self.getAll[key] = value

    def unset(self, key: str) -> None:
        self.getAll.pop(key, None)

    def isModifiable(self, key: str) -> bool:  # noqa: N802
        return "static" not in key


class Session:
    """A session that gives no JVM."""

    def __init__(self, **values: str) -> None:
        self.conf = Conf(**values)


HOST = {
    "spark__app__name": "mine",
    "spark__sql__ansi__enabled": "false",
    "spark__sql__static__thing": "x",
    "spark__sql__shuffle__partitions": "7",
    "spark__sql__session__timeZone": "America/New_York",
    "spark__sql__legacy__kept": "yes",
}


def test_what_results_depend_on_is_sparks_default() -> None:
    session: Any = Session(**HOST)
    assert needed_settings(session, keep=["spark.sql.legacy.kept"]) == {
        "spark.sql.ansi.enabled": None,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.debug.maxToStringFields": "1000",
    }


def test_settings_that_are_lent_come_back_whatever_happens() -> None:
    session: Any = Session(**HOST)
    before = dict(session.conf.getAll)
    during: dict[str, str] = {}

    def work() -> None:
        with lent_settings(session, needed_settings(session, keep=())):
            during.update(session.conf.getAll)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert during["spark.sql.session.timeZone"] == "UTC"
    assert "spark.sql.ansi.enabled" not in during
    assert session.conf.getAll == before


def test_none_is_the_default() -> None:
    session: Any = Session(**HOST)
    change_settings(session, {"spark.sql.ansi.enabled": None, "spark.sql.new": "1"})
    assert "spark.sql.ansi.enabled" not in session.conf.getAll
    assert session.conf.getAll["spark.sql.new"] == "1"


def test_settings_that_differ_are_told_and_secrets_are_not() -> None:
    session: Any = Session(spark__master="sc", spark__sql__ansi__enabled="FALSE", spark__my__token="abc")
    check_settings(session, {"spark.sql.ansi.enabled": "false", "spark.master": "sc"})
    with pytest.raises(UsageError, match=r"spark\.my\.token is another value, asked was a secret one") as caught:
        check_settings(session, {"spark.my.token": "xyz"})
    assert "xyz" not in str(caught.value)
