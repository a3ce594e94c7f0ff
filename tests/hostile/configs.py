"""Configs that attack whoever reads them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.hostile.case import CANARY, Hostile

BASE = """\
version: 1
traffic: {path: data, key: [id], score: s}
model: {inputs: [{name: x, dtype: float32, features: [x]}]}
checkpoints: {prod: {path: a.pt2}}
output: out
"""


def written(content: str | bytes) -> Callable[[Path], object]:
    """Write the config."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return lambda folder: (folder / "a.yaml").write_bytes(data)


def more(lines: str) -> Callable[[Path], object]:
    """Write a config that is right, and some lines more."""
    return written(BASE + lines)


def instead(old: str, new: str) -> Callable[[Path], object]:
    """Write a config that is right, and one part of it otherwise."""
    assert BASE.count(old) == 1
    return written(BASE.replace(old, new))


def bad(name: str, make: Callable[[Path], object], *says: str, code: int = 2, seconds: float = 10) -> Hostile:
    """A config that `validate` refuses."""
    return Hostile(name, make, code, says, ("validate", "a.yaml"), seconds)


MANY = range(4_000)
ALIASES = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + place)}: &{chr(98 + place)} [{', '.join([f'*{chr(97 + place)}'] * 10)}]\n" for place in range(12)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 60))
DOSES = ", ".join(
    f"{{op: nulls, features: [x], rate: [{', '.join(f'0.{n + 1}' for n in range(8, 99))}]}}" for _ in "abcd"
)
RATES = ", ".join(f"0.{10_000 + n}1" for n in range(5_000))

CASES = (
    bad(
        "20,000 unknown keys",
        more("".join(f"key_number_{place}: 1\n" for place in range(20_000))),
        "20,000 problems in a.yaml; the first 100:",
        "a.yaml:6:1: key_number_0: unknown key; expected one of version, traffic,",
    ),
    bad(
        "4,000 unknown keys in one line",
        instead("key: [id]", "key: [id], " + ", ".join(f"zz{place}: 1" for place in MANY)),
        "4,000 problems in a.yaml; the first 100:",
    ),
    bad(
        "4,000 keys that are nearly known",
        more("".join(f"traffic{place}: 1\n" for place in MANY)),
        "a.yaml:6:1: traffic0: unknown key; did you mean `traffic`?",
    ),
    bad(
        "4,000 checkpoints with a wrong key",
        instead("{path: a.pt2}}", ", ".join(["{path: a.pt2}", *(f"c{place}: {{pth: 1}}" for place in MANY)]) + "}"),
        "4,001 problems in a.yaml; the first 100:",
    ),
    bad(
        "4,000 checkpoints",
        instead("{path: a.pt2}}", ", ".join(["{path: a.pt2}", *(f"c{place}: {{path: a}}" for place in MANY)]) + "}"),
        "checkpoints: the config makes 4,001 variants, 4,001 of them here; a run takes at most 1,000",
    ),
    bad(
        "doses that multiply",
        more(f"scenarios: {{a: [{DOSES}]}}\n"),
        "scenarios: the config makes 68,574,962 variants, 68,574,961 of them here; a run takes at most 1,000",
    ),
    bad(
        "5,000 doses",
        more(f"scenarios: {{a: [{{op: nulls, features: [x], rate: [{RATES}]}}]}}\n"),
        "scenarios: the config makes 5,001 variants, 5,000 of them here; a run takes at most 1,000",
    ),
    bad("100,100 values", written("[" + "1," * 100_100 + "1]"), "a.yaml:1: more than 100,000 values"),
    bad(
        "aliases that multiply",
        written(ALIASES + BASE),
        "more than 100,000 values, or aliases that multiply to as many",
    ),
    bad(
        "merges that multiply", written(MERGES + BASE), "more than 100,000 values, or aliases that multiply to as many"
    ),
    bad(
        "lists 10,000 deep",
        written("a: " + "[" * 10_000 + "]" * 10_000),
        "nested too deeply to be a config: more than 100 levels",
    ),
    bad("mappings 10,000 deep", written("{a: " * 10_000 + "1" + "}" * 10_000), "nested too deeply to be a config"),
    bad(
        "blocks 2,500 deep",
        written("\n".join(" " * n + "a:" for n in range(2_500))),
        "nested too deeply to be a config",
    ),
    bad("a million brackets that nothing closes", written("a: " + "[" * 1_000_000), "nested too deeply to be a config"),
    bad(
        "a key given 20,000 times",
        more("seed: 1\n" * 20_000),
        "seed: given 20000 times (lines 6, 7, 8, 9, 10, ...): keep one",
    ),
    bad(
        "a tag of Python's",
        more(f"seed: !!python/object/apply:os.system ['touch {CANARY}']\n"),
        "6:7: seed: the tag !!python/object/apply:os.system is not allowed: a config holds plain data",
    ),
    bad(
        "a tag of Python's on a key",
        more(f"!!python/name:os.system a: touch {CANARY}\n"),
        "is not allowed: a config holds plain data",
    ),
    bad("a zero byte", more("seed: \0\n"), "a.yaml:6:7: not YAML: the character U+0000 is not allowed"),
    bad(
        "a zero byte written out",
        instead("a.pt2", '"a\\0.pt2"'),
        r"a\x00.pt2: no such file",
        code=3,
    ),
    bad(
        "a lone surrogate written out",
        instead("a.pt2", '"a\\ud800"'),
        "path: holds the character U+D800, which no text may hold",
    ),
    bad("bytes that are no text", written(BASE.encode() + b"seed: \xff\xfe\n"), "a.yaml:6: not UTF-8 text"),
    bad(
        "a file of 100 MB",
        lambda folder: _sparse(folder / "a.yaml", 100_000_000),
        "found 100,000,000 bytes, expected a YAML config, which has at most 4,194,304",
    ),
    bad(
        "a number of a million digits",
        more("seed: " + "9" * 1_000_000 + "\n"),
        "seed: found '99999",
        "which cannot be read as int",
    ),
    bad(
        "numbers that are none",
        more("diff: {tolerance: {abs: 1e999, rel: .nan}}\n"),
        "abs: found inf, expected a finite number",
        "rel: found nan, expected a finite number",
    ),
    bad(
        "a bound that is no number",
        more("gates: [{variant: prod, against: online, metric: mismatch_rate, max: .nan}]\n"),
        "gates[0].max: found nan, expected a finite number",
    ),
    bad("a seed without end", more("seed: -1e999\n"), "seed: found -inf, expected a finite number"),
    bad(
        "a time past all times",
        more("diff: {bucket: 999999999999999999999d}\n"),
        "diff.bucket: found '999999999999999999999d', which is longer than any time there is",
    ),
    bad(
        "a key of 3 MB",
        more("? " + "k" * 3_000_000 + "\n: 1\n"),
        "... (2,999,700 characters left out) ...",
        "unknown key",
    ),
    bad("a value of 3 MB", more("seed: " + "k" * 3_000_000 + "\n"), "seed: found 'kkkk", "expected a whole number"),
    bad(
        "a line of a million spaces",
        more("engine: " + " " * 1_000_000 + "[\n1]\n"),
        "engine: found a list, expected a mapping",
    ),
    bad(
        "a path of 100,000 letters",
        instead("path: data", "path: " + "d" * 100_000),
        "traffic.path: ",
        " characters left out) ... ",
        "ddd: no such file",
        code=3,
    ),
    bad("a key that prints a verdict line", more('"seed\\n  verdict     safe": 1\n'), r"seed\n  verdict     safe"),
    bad("a key that clears the screen", more('"\\e[2J\\e]0;title\\a": 1\n'), r"\x1b[2J\x1b]0;title\x07"),
    bad(
        "a pipe for a config", lambda folder: os.mkfifo(folder / "a.yaml"), "a.yaml: found a pipe, expected a YAML file"
    ),
    Hostile(
        "a device for a config",
        lambda folder: None,
        2,
        ("found a device, expected a YAML file",),
        ("validate", "/dev/zero"),
    ),
    Hostile(
        "the memory of the process for a config",
        lambda folder: None,
        2,
        ("/proc/self/mem: cannot be read: ",),
        ("validate", "/proc/self/mem"),
    ),
    bad("a directory for a config", lambda folder: (folder / "a.yaml").mkdir(), "a.yaml"),
    bad("a link to itself for a config", lambda folder: (folder / "a.yaml").symlink_to("a.yaml"), "a.yaml"),
)


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)
