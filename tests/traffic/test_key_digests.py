"""Whether keys repeat, decided on their digests."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.traffic import KeyFingerprint, key_digests
from replay.traffic.key_digests import (
    DigestIndex,
    DigestLookup,
    digest_ranges,
    fingerprint_digests,
    gather_range,
    has_repeats,
    merge_fingerprints,
    write_digests,
)
from tests.object_store import S3Server

WHOLE = (0, 2**64)
HALF = 2**63
LAST = 2**64 - 1


def digests(*values: int) -> np.ndarray:
    return np.array(sorted(values), np.uint64)


def files(directory: Path, *parts: list[int]) -> list[str]:
    paths = [f"{directory}/digests/{place}.uint64" for place in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        write_digests(path, digests(*part))
    return paths


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), KeyFingerprint(0, 0, 0)),
        ((5,), KeyFingerprint(1, 5, 5)),
        ((1, 2, 7), KeyFingerprint(3, 10, 4)),
        ((7, 7), KeyFingerprint(2, 14, 0)),
        ((LAST, 2), KeyFingerprint(2, 1, LAST - 2)),
        ((HALF, HALF, 3), KeyFingerprint(3, 3, 3)),
    ],
)
def test_a_fingerprint_by_hand_is_modulo_two_to_the_64(values: tuple[int, ...], expected: KeyFingerprint) -> None:
    assert fingerprint_digests(digests(*values)) == expected


@given(st.lists(st.lists(st.integers(0, LAST), max_size=8), max_size=5))
def test_parts_merged_are_the_fingerprint_of_all(parts: list[list[int]]) -> None:
    values = [value for part in parts for value in part]
    xor = reduce(lambda left, right: left ^ right, values, 0)
    merged = merge_fingerprints(fingerprint_digests(digests(*part)) for part in parts)
    assert merged == KeyFingerprint(len(values), sum(values) % 2**64, xor)


@pytest.mark.parametrize(("rows", "parts"), [(0, 1), (1, 1), (10, 1), (11, 2), (30, 3), (31, 4), (1000, 100)])
def test_ranges_meet_and_are_as_wide_as_each_other(monkeypatch: pytest.MonkeyPatch, rows: int, parts: int) -> None:
    monkeypatch.setattr(key_digests, "RANGE_ROWS", 10)
    ranges = digest_ranges(rows)
    assert len(ranges) == parts
    assert (ranges[0][0], ranges[-1][1]) == WHOLE
    assert all(upper == lower for (_, upper), (lower, _) in pairwise(ranges))
    widths = {upper - lower for lower, upper in ranges}
    assert max(widths) - min(widths) <= 1


@pytest.mark.parametrize(
    ("parts", "repeats"),
    [
        ([], False),
        ([[]], False),
        ([[], []], False),
        ([[1, 2, 3]], False),
        ([[1, 2], [3, 4], []], False),
        ([[1, 2, 2]], True),
        ([[1, 5], [], [5, 6]], True),
        ([[0], [0]], True),
        ([[0, LAST], [1, LAST]], True),
        ([[0, LAST], [1, LAST - 1]], False),
    ],
    ids=str,
)
def test_repeats_within_a_file_and_across_files(tmp_path: Path, parts: list[list[int]], repeats: bool) -> None:
    assert has_repeats(files(tmp_path, *parts), *WHOLE) is repeats


def test_a_digest_at_a_border_is_in_the_range_that_begins_with_it(tmp_path: Path) -> None:
    paths = files(tmp_path, [1, HALF], [HALF, LAST])
    assert not has_repeats(paths, 0, HALF)
    assert has_repeats(paths, HALF, 2**64)
    below = files(tmp_path, [HALF - 1, HALF], [HALF - 1, HALF + 1])
    assert has_repeats(below, 0, HALF)
    assert not has_repeats(below, HALF, 2**64)


def test_the_largest_digest_is_in_the_last_range_alone(tmp_path: Path) -> None:
    paths = files(tmp_path, [LAST], [LAST])
    assert has_repeats(paths, LAST, 2**64)
    assert not has_repeats(paths, 0, LAST)


@given(values=st.lists(st.integers(0, LAST) | st.integers(0, 9).map(lambda part: part * 2**64 // 10), max_size=40))
def test_all_ranges_together_find_what_there_is(tmp_path_factory: pytest.TempPathFactory, values: list[int]) -> None:
    """Borders of ten ranges are among the digests."""
    paths = files(tmp_path_factory.mktemp("ranges"), values[::3], values[1::3], values[2::3])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(key_digests, "RANGE_ROWS", 4)
        ranges = digest_ranges(40)
    assert len(ranges) == 10
    assert any(has_repeats(paths, *one) for one in ranges) is (len(set(values)) < len(values))


def evenly_spread(rows: int) -> np.ndarray:
    return np.sort(np.random.default_rng(5).integers(0, LAST, rows, np.uint64, endpoint=True))


@pytest.mark.parametrize("upper_rows", [1, 5_000])
def test_only_about_a_range_is_read_of_a_file(upper_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of digests that are spread as digests are; of others, which no hash gives, all are."""
    spread = evenly_spread(50_000)
    crowded = np.sort(np.concatenate([spread[:upper_rows], np.full(50_000, LAST // 2, np.uint64)]))
    read: list[int] = []
    whole = key_digests._read

    def counting(file: pa.NativeFile, start: int, stop: int) -> np.ndarray:
        read.append(stop - start)
        return whole(file, start, stop)

    monkeypatch.setattr(key_digests, "_read", counting)
    for digest, most in ((spread, 10_000), (crowded, 200_000)):
        path = str(tmp_path / f"{most}.uint64")
        write_digests(path, digest)
        for lower, upper in ((0, LAST // 10), (LAST // 10, LAST // 5), (LAST // 10 * 9, 2**64)):
            read.clear()
            expected = [int(value) for value in digest if lower <= value < upper]
            assert key_digests._range_of(path, lower, upper).tolist() == expected
            assert sum(read) <= most


def test_digests_lie_on_an_object_store_as_on_a_disk(s3: S3Server) -> None:
    paths: list[str] = []
    url = s3.new_bucket()
    for place, part in enumerate(([1, HALF], [HALF, LAST], [])):
        paths.append(f"{url}/out/.key-digests/{place}.uint64")
        write_digests(paths[-1], digests(*part))
    assert not has_repeats(paths, 0, HALF)
    assert has_repeats(paths, HALF, 2**64)


@given(held=st.lists(st.integers(0, LAST), max_size=30), others=st.lists(st.integers(0, LAST), max_size=30))
@pytest.mark.parametrize("bounds", [(0, 2**64), (0, 7, HALF, 2**64)])
def test_an_index_holds_what_its_files_hold(
    bounds: tuple[int, ...], held: list[int], others: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("index")
    paths = files(directory, held[::2], held[1::2])
    targets = [str(directory / f"{lower}.uint64") for lower in bounds[:-1]]
    for target, (lower, upper) in zip(targets, pairwise(bounds), strict=True):
        gather_range(paths, lower, upper, target)
    index = DigestIndex(tuple(targets), bounds[:-1], KeyFingerprint(len(held), 0, 0))

    asked = [*held, *others, 0, 6, 7, HALF, LAST]
    expected = [value in held for value in asked]
    assert DigestLookup(index).holds(np.array(asked, np.uint64)).tolist() == expected
