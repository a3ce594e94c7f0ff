"""Each change of a tensor, against plain numpy and torch, and numbers worked out by hand."""

from __future__ import annotations

import math
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import stats

from replay.checkpoints.recipes import altering
from replay.checkpoints.recipes.altering import (
    ALTERABLE,
    draw_positions,
    flipped,
    noised,
    rounded,
    standard_deviation,
    zeroed,
)

DTYPES = sorted(ALTERABLE, key=str)


def weights(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one.view(torch.uint8), other.view(torch.uint8))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_cast_is_torchs_round_trip(dtype: str) -> None:
    tensor = weights(300, 7)
    assert same_bits(rounded(tensor, dtype), tensor.to(getattr(torch, dtype)).to(torch.float32))
    assert not torch.equal(rounded(tensor, dtype), tensor)


def test_bfloat16_keeps_seven_bits_of_the_mantissa() -> None:
    # 1 + 2**-8 lies half way between two bfloat16 numbers, and goes to the even one.
    given = torch.tensor([1 + 2**-7, 1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-7 - 2**-9])
    assert rounded(given, "bfloat16").tolist() == [1 + 2**-7, 1.0, 1 + 2**-6, -1 - 2**-7]


def test_what_float16_cannot_hold_becomes_infinite() -> None:
    assert rounded(torch.tensor([65504.0, 1e5, -1e5, 1e-9]), "float16").tolist() == [65504.0, math.inf, -math.inf, 0.0]


def test_int8_rounds_half_to_even_on_one_symmetric_scale() -> None:
    given = torch.tensor([127.0, 0.5, 1.5, 2.5, -0.5, -126.6, 3.0])  # the scale is 1
    assert rounded(given, "int8").tolist() == [127.0, 0.0, 2.0, 2.0, 0.0, -127.0, 3.0]


def test_int8_agrees_with_torchs_fake_quantisation() -> None:
    tensor = weights(400, 500)  # more than one chunk
    scale = float(tensor.abs().max()) / 127
    expected = torch.fake_quantize_per_tensor_affine(tensor, scale, 0, -127, 127)
    found = rounded(tensor, "int8")
    # torch multiplies by 1 / scale: a value half way between two steps may go the other way.
    close = torch.isclose(found, expected, rtol=1e-6, atol=1e-9)
    assert close.float().mean() > 0.9999
    assert (found - tensor).abs().max() <= scale * 0.5001
    assert len(torch.unique(found)) <= 255


def test_int8_leaves_what_is_not_finite() -> None:
    given = torch.tensor([-math.inf, 127.0, math.nan, 0.4])
    assert str(rounded(given, "int8").tolist()) == "[-inf, 127.0, nan, 0.0]"
    assert rounded(torch.zeros(3), "int8").tolist() == [0.0, 0.0, 0.0]
    assert rounded(torch.full((2,), -math.inf), "int8").tolist() == [-math.inf, -math.inf]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_type_keeps_its_type_and_shape_and_the_original(dtype: torch.dtype) -> None:
    tensor = weights(5, 3).to(dtype)
    before = tensor.clone()
    made = [rounded(tensor, kind) for kind in ("bfloat16", "float16", "int8")]
    made += [
        zeroed(tensor, 0.5, 1),
        zeroed(tensor, 1, 1),
        noised(tensor, 0.5, 1),
        flipped(tensor, draw_positions(3, 40, 1)),
    ]
    assert all(each.dtype == dtype and each.shape == (5, 3) for each in made)
    assert same_bits(tensor, before)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,)])
def test_tensors_without_elements_or_dimensions(shape: tuple[int, ...]) -> None:
    tensor = torch.full(shape, 2.0)
    for made in (rounded(tensor, "int8"), rounded(tensor, "float16"), noised(tensor, 1.0, 1), zeroed(tensor, 0.0, 1)):
        assert torch.equal(made, tensor)
    assert torch.equal(zeroed(tensor, 1.0, 1), torch.zeros(shape))


def test_zeros_have_their_share() -> None:
    tensor = torch.ones(500, 200)
    zeros = int((zeroed(tensor, 0.3, 7) == 0).sum())
    assert stats.binomtest(zeros, 100_000, 0.3).pvalue > 1e-4


def test_a_higher_share_only_adds_zeros() -> None:
    tensor = torch.ones(10_000)
    few, many = zeroed(tensor, 0.1, 7) == 0, zeroed(tensor, 0.2, 7) == 0
    assert bool((many | ~few).all())
    assert int(many.sum()) > int(few.sum()) > 0
    assert not torch.equal(zeroed(tensor, 0.1, 8) == 0, few)


def test_zero_takes_nan_away() -> None:
    assert zeroed(torch.tensor([math.nan, math.inf]), 1.0, 0).tolist() == [0.0, 0.0]


def test_the_deviation_is_numpys() -> None:
    tensor = weights(300, 333) * 3 + 5
    assert standard_deviation(tensor) == pytest.approx(float(np.std(tensor.double().numpy())), rel=1e-12)
    assert standard_deviation(torch.cat([tensor.flatten(), torch.tensor([math.nan, math.inf])])) == pytest.approx(
        float(np.std(tensor.double().numpy())), rel=1e-12
    )
    assert standard_deviation(torch.full((9,), 3.0)) == 0.0


def test_noise_is_normal_and_relative() -> None:
    tensor = weights(400, 250).double() * 3
    noise = (noised(tensor, 0.01, 3) - tensor).flatten().numpy()
    scale = 0.01 * float(np.std(tensor.numpy()))
    assert stats.kstest(noise / scale, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(noise, tensor.flatten().numpy())[0, 1]) < 5 / math.sqrt(len(noise))
    assert not torch.equal(noised(tensor, 0.01, 4), noised(tensor, 0.01, 3))


def test_no_noise_is_the_tensor() -> None:
    tensor = weights(100)
    assert same_bits(noised(tensor, 0.0, 3), tensor)
    assert noised(torch.full((3,), 2.0), 1.0, 3).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("alter", [lambda t: noised(t, 0.1, 3), lambda t: zeroed(t, 0.5, 3)], ids=["noise", "zero"])
def test_neither_memory_layout_nor_chunks_matter(alter, monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = weights(40, 30)
    expected = alter(tensor)
    assert same_bits(alter(tensor.t().contiguous().t()), expected)
    assert same_bits(alter(torch.cat([tensor, tensor])[:40]), expected)
    monkeypatch.setattr(altering, "_CHUNK", 64)
    found = alter(tensor)
    assert torch.equal(found == 0, expected == 0)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("count", "below"), [(1, 1), (5, 5), (64, 64), (1000, 1024), (20, 10**12), (3000, 10**6)])
def test_positions_are_distinct_and_in_range(count: int, below: int) -> None:
    drawn = draw_positions(count, below, 9)
    assert len(set(drawn.tolist())) == count
    assert max(drawn.tolist()) < below
    assert drawn[: count // 2].tolist() == draw_positions(count // 2, below, 9).tolist()


def test_positions_are_evenly_drawn() -> None:
    counts = np.histogram(draw_positions(50_000, 10**9, 1), bins=100, range=(0, 10**9))[0]
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("position", [0, 22, 23, 31])
def test_a_flipped_bit_is_that_of_the_ieee_pattern(position: int) -> None:
    pattern = struct.unpack("<I", struct.pack("<f", 1.5))[0] ^ (1 << position)
    expected = struct.unpack("<f", struct.pack("<I", pattern))[0]
    assert flipped(torch.tensor([9.0, 1.5]), np.array([32 + position], np.uint64)).tolist() == [9.0, expected]


def test_several_bits_of_one_byte_flip() -> None:
    assert flipped(torch.tensor([0, 0], dtype=torch.uint8), np.array([0, 1, 7, 9], np.uint64)).tolist() == [131, 2]


def test_another_process_gives_the_same_bits() -> None:
    code = """
import hashlib, torch
from replay.checkpoints.recipes.altering import noised, zeroed
tensor = (torch.arange(70_000) % 997).float() / 7
digest = hashlib.sha256(noised(tensor, 0.1, 5).numpy().tobytes() + zeroed(tensor, 0.3, 5).numpy().tobytes()).hexdigest()
"""
    here: dict[str, str] = {}
    exec(code, here)
    environment = {"PATH": "", "NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3 AVX2 FMA3"}
    there = f"import torch; torch.set_num_threads(2)\n{code}\nprint(digest)"
    run = subprocess.run([sys.executable, "-c", there], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == here["digest"]
