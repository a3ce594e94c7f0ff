from __future__ import annotations

import yaml

from replay.init.inputs import DraftInput
from replay.init.sections.text import WIDEST, as_glob, comments, input_lines, noted, relative


def read(entry):
    lines = list(input_lines(entry, ["x"]))
    assert max(map(len, lines)) <= WIDEST
    return yaml.safe_load("\n".join(lines))


def test_a_long_mapping_goes_over_several_lines_and_reads_back():
    numbers = {f"a_rather_long_name_{place}": place + 0.5 for place in range(40)}
    fields = {"name": "x", "transform": {"op": "standardize", "mean": numbers, "std": numbers}, "missing": 0.0}

    assert read(DraftInput(fields, ("a note " * 40,))) == [fields]


def test_a_comment_that_does_not_fit_stands_above():
    assert list(noted("  key: a", "short")) == [f"{'  key: a':<42}  # short"]
    lines = list(noted("  key: a", "long " * 50))
    assert lines[-1] == "  key: a"
    assert all(line.startswith("  # ") and len(line) <= WIDEST for line in lines[:-1])


def test_comments_keep_all_words():
    text = " ".join(f"word{place}" for place in range(100))

    assert " ".join(" ".join(comments(text, "    ")).replace("#", "").split()) == text


def test_a_glob_stands_for_these_columns_only():
    names = ["C1", "C2", "C3", "C4"]

    assert as_glob(names, names) == ["C*"]
    assert as_glob(names, [*names, "Cat"]) == names
    assert as_glob(names[::-1], names) == names[::-1]


def test_urls_are_not_relative(tmp_path):
    assert relative("s3a://b/k", tmp_path) == "s3a://b/k"
    assert relative(str(tmp_path / "a" / "b"), tmp_path) == "a/b"
