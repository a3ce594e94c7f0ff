"""``checkpoints``: any checkpoint, as it lies on disk, or made of others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, PrivateAttr, StringConstraints, Tag

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import listing, suggestion
from replay.config.names import matches, nearest
from replay.config.plain import mapping
from replay.config.sections.base import (
    Arguments,
    ColumnNames,
    Flag,
    Name,
    NonNegativeFloat,
    PositiveInt,
    Section,
    Share,
    SomeColumnNames,
    Text,
    in_words,
)
from replay.config.sections.model.contract import ModelConfig

FACTORY_PATTERN = r"^([^:]+|[A-Za-z][A-Za-z0-9+.-]+:/.+\.py):[A-Za-z_][\w.]*$"
SHA256_PATTERN = r"^[0-9a-fA-F]{64}$"
OPERATOR_PATTERN = r"^[A-Za-z_][\w-]*(\.[A-Za-z_]\w*)+$"
_CHANGES = ("cast", "bitflip", "zero", "noise")
_SHARES_TOLERANCE = 1e-9


def _is_section(value: object) -> object:
    if isinstance(value, str):
        raise ValueError("found the name of a file: only a config that is read from a file takes one, give the section")
    return value


class CheckpointConfig(Section):
    """A checkpoint file (or a directory of shards)."""

    path: Text
    """File, or directory of sharded safetensors: a path, relative to the config file, or a URL (`s3://`, `gs://`,
    `abfss://`, `hdfs://`)."""
    factory: (
        Annotated[str, StringConstraints(pattern=FACTORY_PATTERN), in_words("`module:function`, `file.py:function`")]
        | None
    ) = None
    """`module:function` or `file.py:function` that builds the module whose weights the file holds. A relative file, and
    a module beside the config, are found from the config file's directory. The file may be a URL; what it imports from
    its folder comes along."""
    kwargs: Arguments = Field(default={})
    """Keyword arguments of the factory: text, numbers, booleans, lists and mappings of these."""
    sha256: (
        Annotated[str, StringConstraints(pattern=SHA256_PATTERN, to_lower=True), in_words("64 hex digits")] | None
    ) = None
    """SHA-256 that the file must have; a file with another one is refused."""
    weights: Text | None = None
    """Where in the file the state dict is (a dotted path of keys, whose last parts may be a prefix of names); default:
    it is searched for. A file with two sets of weights of one model, such as averaged ones, is refused without it."""
    prefix: str | None = None
    """What the file has in front of the names of the model's weights, such as `net.` where a Lightning module keeps the
    model in `self.net`; what is named otherwise is set aside. Default: the one behind which the file has exactly the
    names of the factory's module; where there are several with other values (averaged weights beside raw ones), the
    file is refused. `""`: the names without any. `module.` (DataParallel) and `_orig_mod.` (torch.compile) are always
    left out."""
    operators: tuple[Annotated[str, StringConstraints(pattern=OPERATOR_PATTERN)], ...] = ()
    """Operators of other libraries that the file may call, by name: `torchvision.nms`; C++ classes that it may hold as
    `torch.classes.library.Name`. They run as that library wrote them, and something must import it."""
    model: Annotated[ModelConfig, BeforeValidator(_is_section, json_schema_input_type=ModelConfig | Text)] | None = None
    """How this checkpoint reads rows, where that is another way than the config's `model`: the section itself, or a
    YAML file (a path or a URL) with a `model` section or with the section alone, whose paths start from its own
    directory."""
    _owner: str | None = PrivateAttr(default=None)

    @property
    def owner(self) -> str | None:
        """The checkpoint under which its contract is encoded: the first that has it; None: the config's `model`."""
        return self._owner

    def encode_under(self, owner: str | None) -> None:
        """Say under which checkpoint its contract is encoded; the config that it stands in does, when it is made."""
        self._owner = owner

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Keyword arguments need a factory, and are plain data."""
        kwargs = data.get("kwargs")
        if kwargs and data.get("factory") is None:
            yield Finding(("kwargs",), "are the factory's arguments: give a `factory`")
        if data.get("prefix") is not None and data.get("factory") is None:
            yield Finding(("prefix",), "is of weights for a factory's module: give a `factory`")
        yield from check_plain(kwargs, ("kwargs",), "a factory")


class DerivedConfig(Section):
    """A checkpoint with some of its parameters altered. Exactly one of `cast`, `bitflip`, `zero` and `noise`."""

    source: Name = Field(alias="from")
    """The checkpoint whose parameters are altered."""
    params: SomeColumnNames = ("*",)
    """Names of parameters (globs); default: all floating-point ones."""
    cast: Literal["bfloat16", "float16", "int8"] | None = None
    """Round values to this type and back (int8: symmetric, one scale a tensor)."""
    bitflip: PositiveInt | None = None
    """Bits that are flipped, drawn over all the named parameters."""
    zero: (
        Annotated[
            Annotated[Flag, Tag("<all>")] | Annotated[Share, Tag("<share>")],
            Discriminator(lambda value: "<all>" if isinstance(value, bool) else "<share>"),
        ]
        | None
    ) = None
    """Share of values that are set to 0; `true`: all of them."""
    noise: NonNegativeFloat | None = None
    """Standard deviation of the noise that is added, as a share of each parameter's own."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Exactly one change."""
        given = [key for key in _CHANGES if data.get(key) is not None and data[key] is not False]
        if len(given) != 1:
            found = f"found {listing(given)}" if given else "found none"
            yield Finding((), f"{found}, expected one of {listing(_CHANGES)}: it says how the parameters change")


class SpliceConfig(Section):
    """Parameters of several checkpoints in one model."""

    splice: Annotated[dict[Text, Name], Field(min_length=1)]
    """Names of parameters (globs) and the checkpoint that they come from; the first match wins, and every parameter
    must match one."""
    structure: Name | None = None
    """The checkpoint whose graph, or factory and kwargs, the parameters are put into: one of the named ones. Default:
    that of `*`, else of the last pattern; then the factories of all must be the same."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """No pattern follows one that covers it, as the first match wins."""
        earlier: list[str] = []
        for pattern in mapping(data.get("splice")):
            shadow = next((glob for glob in earlier if matches(glob, pattern)), None)
            if shadow is not None:
                yield Finding(("splice", pattern), f"`{shadow}` before it matches first: move this entry above it")
            earlier.append(pattern)


class RouteConfig(Section):
    """Each row to one of several checkpoints, by hash."""

    route: Annotated[dict[Name, Share], Field(min_length=1)]
    """Share of rows by checkpoint; they sum to 1."""
    by: ColumnNames = ()
    """Columns that are hashed: rows with the same values go the same way; default: the key."""
    salt: str = ""
    """Any text; another one gives another assignment of rows."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Shares sum to 1."""
        route = mapping(data.get("route"))
        shares = [share for share in route.values() if isinstance(share, (int, float)) and share > 0]
        total = math.fsum(shares)
        if shares and len(shares) == len(route) and abs(total - 1.0) > _SHARES_TOLERANCE:
            yield Finding(("route",), f"the shares sum to {total:.10g}, expected 1: every row goes somewhere")


class ServedRouteConfig(Section):
    """Each row to the checkpoint that online says it used."""

    route: Literal["served_by"]
    """`served_by`: the column `traffic.served_by` decides. A row without a version, or with one that is not here, is
    rejected as `unknown_version`."""


SERVED_BY = "served_by"
"""What `route` says where the log decides; and what that route is called as the default baseline."""

_KINDS = {"from": "<derived>", "splice": "<spliced>", "route": "<route>"}
_FILE, _SERVED = "<file>", "<served>"


def _kind(value: object) -> str:
    """Which kind of checkpoint an entry is, by its keys."""
    if isinstance(value, dict):
        if is_served_route(value):
            return _SERVED
        return next((kind for key, kind in _KINDS.items() if key in value), _FILE)
    kinds = {
        DerivedConfig: "<derived>",
        SpliceConfig: "<spliced>",
        RouteConfig: "<route>",
        ServedRouteConfig: _SERVED,
    }
    return next((kind for section, kind in kinds.items() if isinstance(value, section)), _FILE)


AnyCheckpoint = Annotated[
    Annotated[CheckpointConfig, Tag(_FILE)]
    | Annotated[DerivedConfig, Tag("<derived>")]
    | Annotated[SpliceConfig, Tag("<spliced>")]
    | Annotated[RouteConfig, Tag("<route>")]
    | Annotated[ServedRouteConfig, Tag(_SERVED)],
    Discriminator(_kind),
]


def is_served_route(entry: object) -> bool:
    """Whether an entry of plain data sends each row to the checkpoint that online names: `route` is text."""
    return isinstance(entry, Mapping) and isinstance(entry.get("route"), str)


def check_checkpoints(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check the entries of ``checkpoints`` against each other: every name that one gives must be another's.

    Args:
        data: The section as plain data.
    """
    for name, entry in data.items():
        for path, source in _sources(mapping(entry)):
            yield from (finding.under((name,)) for finding in _check_source(data, name, path, source))
    yield from _check_cycles(data)
    for name, entry in data.items():
        if "splice" in mapping(entry):
            sources = dict.fromkeys(source for _, source in _sources(mapping(entry)))
            yield from (finding.under((name, "splice")) for finding in check_one_contract(data, sources))


def check_one_contract(data: Mapping[str, Any], names: Iterable[str]) -> Iterator[Finding]:
    """Check that checkpoints whose parameters are put into one model read rows by one contract.

    Args:
        data: The section as plain data.
        names: Of the checkpoints.
    """
    contracts = {name: _contract(data, name) for name in names}
    different = [name for name, contract in contracts.items() if contract != next(iter(contracts.values()))]
    if different:
        yield Finding(
            (),
            f"`{next(iter(contracts))}` and `{different[0]}` read rows by different contracts, and a model has one: "
            "take parameters of checkpoints with the same `model`",
        )


def _contract(data: Mapping[str, Any], name: str) -> Any:
    """The contract of a checkpoint as plain data; None: the config's."""
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        entry = mapping(data.get(name))
        source = next((source for _, source in _sources(entry)), None)
        if source is None:
            return entry.get("model")
        name = source
    return None


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


def first_source(entry: AnyCheckpoint) -> str | None:
    """The first of the checkpoints that one is made of, or goes to; None of a file, and where the log decides."""
    return next((source for _, source in _sources(entry.model_dump(by_alias=True))), None)


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
