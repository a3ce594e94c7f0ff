"""Who holds an output."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from replay.store.holder import Holder


def test_a_holder_comes_back_from_its_text():
    holder = Holder.here()

    assert Holder.from_json(holder.to_json(3)) == holder
    assert (holder.host, holder.pid) == (socket.gethostname(), os.getpid())
    assert holder.to_json(3) != holder.to_json(4)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"holder": {}}', '{"holder": 3}', '"text"'])
def test_a_text_that_names_none(text):
    assert Holder.from_json(text) is None


def test_a_process_that_ended_is_gone_and_this_one_is_not():
    code = "from replay.store.holder import Holder; print(Holder.here().to_json())"
    ended = Holder.from_json(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )

    assert ended is not None
    assert ended.is_gone()
    assert not Holder.here().is_gone()


def test_a_later_process_of_the_same_number_is_another():
    here = Holder.here()

    assert replace(here, process=f"{here.process.split()[0]} 1").is_gone()


def test_nothing_is_known_of_another_machine_or_container():
    here = Holder.here()

    assert not replace(here, host="elsewhere", pid=2**22).is_gone()
    assert not replace(here, process="pid:[1] 1", pid=2**22).is_gone()


def test_words():
    holder = Holder("a1", 4711, "x 1", "2026-01-31T08:00:12+00:00", "t")

    assert holder.words() == "process 4711 on host a1, since 2026-01-31 08:00 UTC"
