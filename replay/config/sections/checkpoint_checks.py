"""What no single key of ``checkpoints`` can tell.

All over plain data, sound or not: what has a wrong shape is skipped, as that is another mistake.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import listing, suggestion
from replay.config.names import matches, nearest
from replay.config.plain import mapping

_CHANGES = ("cast", "bitflip", "zero", "noise")
_SHARES_TOLERANCE = 1e-9


def check_checkpoint(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check one entry of ``checkpoints``, of whatever kind, by itself."""
    if "from" in data:
        yield from _check_change(data)
    elif "splice" in data:
        yield from _check_patterns(mapping(data["splice"]))
    elif "route" in data:
        yield from _check_shares(mapping(data["route"]))
    else:
        kwargs = data.get("kwargs")
        if kwargs and data.get("factory") is None:
            yield Finding(("kwargs",), "are the factory's arguments: give a `factory`")
        yield from check_plain(kwargs, ("kwargs",), "a factory")


def check_checkpoints(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check the entries of ``checkpoints`` against each other: every name that one gives must be another's.

    Args:
        data: The section as plain data.
    """
    for name, entry in data.items():
        for path, source in _sources(mapping(entry)):
            yield from (finding.under((name,)) for finding in _check_source(data, name, path, source))
    yield from _check_cycles(data)


def check_plain(value: object, path: KeyPath, whose: str) -> Iterator[Finding]:
    """Arguments travel to executors, into the manifest and into the run's fingerprint: only plain data does."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if isinstance(key, str):
                yield from check_plain(entry, (*path, key), whose)
            else:
                yield Finding(path, f"the key {key!r} is not text: arguments of {whose} are plain data")
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from check_plain(entry, (*path, index), whose)
    elif not (value is None or isinstance(value, (bool, int, float, str))):
        yield Finding(path, f"found {type(value).__name__}, expected plain data (text, numbers, true, false, lists)")


def not_a_checkpoint(name: str, known: list[str]) -> str:
    """The message about a name that is under ``checkpoints`` nowhere."""
    return f"`{name}` is not under `checkpoints`{suggestion(nearest(name, known)) or f': it has {listing(known)}'}"


def _check_change(entry: Mapping[str, Any]) -> Iterator[Finding]:
    given = [key for key in _CHANGES if entry.get(key) is not None and entry[key] is not False]
    if len(given) != 1:
        found = f"found {listing(given)}" if given else "found none"
        yield Finding((), f"{found}, expected one of {listing(_CHANGES)}: it says how the parameters change")


def _check_patterns(splice: Mapping[str, Any]) -> Iterator[Finding]:
    """The first match wins, so a pattern after one that covers it takes nothing."""
    earlier: list[str] = []
    for pattern in splice:
        shadow = next((glob for glob in earlier if matches(glob, pattern)), None)
        if shadow is not None:
            yield Finding(("splice", pattern), f"`{shadow}` before it matches first: move this entry above it")
        earlier.append(pattern)


def _check_shares(route: Mapping[str, Any]) -> Iterator[Finding]:
    shares = [share for share in route.values() if isinstance(share, (int, float)) and share > 0]
    total = math.fsum(shares)
    if shares and len(shares) == len(route) and abs(total - 1.0) > _SHARES_TOLERANCE:
        yield Finding(("route",), f"the shares sum to {total:.10g}, expected 1: every row goes somewhere")


def _sources(entry: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Names of other checkpoints, each with its place in the entry."""
    if "from" in entry:
        named: list[tuple[KeyPath, object]] = [(("from",), entry["from"])]
    elif "splice" in entry:
        named = [(("splice", glob), source) for glob, source in mapping(entry["splice"]).items()]
        named.append((("structure",), entry.get("structure")))
    else:
        named = [(("route", member), member) for member in mapping(entry.get("route"))]
    yield from ((path, source) for path, source in named if isinstance(source, str) and source)


def _check_source(data: Mapping[str, Any], name: str, path: KeyPath, source: str) -> Iterator[Finding]:
    spliced = mapping(mapping(data[name]).get("splice"))
    if source not in data:
        yield Finding(path, not_a_checkpoint(source, [each for each in data if each != name]))
    elif source == name:
        yield Finding(path, f"`{source}` is this checkpoint itself: name another one")
    elif "route" in mapping(data[source]):
        why = "give its members their shares" if path[0] == "route" else "it has no parameters: name one of its members"
        yield Finding(path, f"`{source}` is itself a route: {why}")
    elif path == ("structure",) and source not in spliced.values():
        named = dict.fromkeys(each for each in spliced.values() if isinstance(each, str))
        yield Finding(path, f"`{source}` gives no parameters to this splice: expected one of {listing(named)}")


def _check_cycles(data: Mapping[str, Any]) -> Iterator[Finding]:
    """A checkpoint that is made of itself, over others."""
    sources = {name: [source for _, source in _sources(mapping(entry))] for name, entry in data.items()}
    for name in sources:
        seen: set[str] = set()
        ahead = [source for source in sources[name] if source != name]
        while ahead:
            source = ahead.pop()
            if source == name:
                yield Finding((name,), "is made of itself, over the checkpoints that it names: start from a file")
                break
            if source not in seen:
                seen.add(source)
                ahead.extend(sources.get(source, ()))
