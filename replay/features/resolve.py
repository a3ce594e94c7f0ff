"""Which features each input and each family reads: names, paths and globs against a schema, all problems at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from replay.config.model import Input, ModelConfig
from replay.errors import Problem
from replay.features.paths import Catalog, Feature, is_glob
from replay.features.problems import CannotEncode, nearest, raise_problems


@dataclass(frozen=True)
class ResolvedFeature:
    """A feature that an input reads.

    Attributes:
        feature: What the schema holds.
        path: Where the config names it (``model.inputs[0].features[1]``).
    """

    feature: Feature
    path: str


@dataclass(frozen=True)
class Resolution:
    """What a model reads from a schema.

    Attributes:
        inputs: Features of each input, by its name; none for a mask.
        features: Every feature, once, in schema order.
        roots: Top-level columns that hold them, in schema order.
        families: Features of each family, in schema order.
        problems: All that does not fit, in the order of the config; what is listed above leaves it out.
    """

    inputs: Mapping[str, tuple[ResolvedFeature, ...]]
    features: tuple[Feature, ...]
    roots: tuple[str, ...]
    families: Mapping[str, tuple[str, ...]]
    problems: tuple[Problem, ...]


def resolve_features(
    model: ModelConfig, schema: pa.Schema, map_keys: Mapping[str, Sequence[str]] | None = None
) -> Resolution:
    """Resolve every name, path and glob of the inputs and families.

    Args:
        model: The model's contract.
        schema: Schema of the logged table.
        map_keys: Keys by the name (or path) of a map column, for globs over maps: a schema does not list them. An exact
            path into a map needs none.
    """
    catalog = Catalog(schema, map_keys)
    problems: list[Problem] = []
    inputs = {
        entry.name: _input(entry, f"model.inputs[{place}]", catalog, problems)
        for place, entry in enumerate(model.inputs)
    }
    found = {resolved.feature.name: resolved.feature for features in inputs.values() for resolved in features}
    features = tuple(sorted(found.values(), key=lambda feature: (feature.place, feature.name)))
    roots = tuple(dict.fromkeys(feature.root for feature in features))
    problems.extend(_ambiguous(roots, schema))
    families = _families(model, catalog, features, problems)
    return Resolution(inputs, features, roots, families, tuple(problems))


def family_features(
    model: ModelConfig, schema: pa.Schema, map_keys: Mapping[str, Sequence[str]] | None = None
) -> dict[str, tuple[str, ...]]:
    """Features of each family, in schema order.

    Raises:
        ConfigError: When the families or inputs name what they should not.
        TrafficError: When the schema lacks what they name.
    """
    resolution = resolve_features(model, schema, map_keys)
    raise_problems(resolution.problems)
    return dict(resolution.families)


def _input(entry: Input, path: str, catalog: Catalog, problems: list[Problem]) -> tuple[ResolvedFeature, ...]:
    """Features of one input, in the order of its columns."""
    if entry.mask_of is not None:
        return ()
    if entry.feature is not None:
        names = {f"{path}.feature": entry.feature}
    else:
        names = {f"{path}.features[{place}]": name for place, name in enumerate(entry.features)}
    found: dict[str, ResolvedFeature] = {}
    for where, name in names.items():
        try:
            matches = _resolve(name, catalog)
            if entry.feature is not None and len(matches) > 1:
                raise CannotEncode(
                    f"{name!r} matches {_some(matches)}: `feature` is one column, `features` stacks many"
                )
            if not is_glob(name) and name in found:
                raise CannotEncode(f"{name!r} is already in the stack, through {found[name].path.rpartition('.')[2]}")
        except CannotEncode as problem:
            problems.append(problem.at(where))
            continue
        for feature in matches:
            found.setdefault(feature.name, ResolvedFeature(feature, where))
    return tuple(found.values())


def _resolve(name: str, catalog: Catalog) -> list[Feature]:
    """The features of a name, or of a glob unless a feature has that very name.

    Raises:
        CannotEncode: When there is none.
    """
    if not is_glob(name):
        found = catalog.find(name)
        if found is None:
            raise CannotEncode(f"the table has no column {name!r}{nearest(name, catalog.names())}", refused=True)
        return [found]
    literal = catalog.find_known(name)
    matches = [literal] if literal is not None else catalog.match(name)
    if not matches:
        maps = [known for known in catalog.maps_without_keys() if _may_enter(name, known)]
        if maps:
            raise CannotEncode(
                f"{name!r} goes over the keys of the map {maps[0]!r}, which a schema does not list: name the keys, as "
                f"in {maps[0]}.key, or pass the keys that are logged as `map_keys`",
                refused=True,
            )
        raise CannotEncode(f"{name!r} matches no column{nearest(name, catalog.names())}", refused=True)
    return matches


def _may_enter(glob: str, map_name: str) -> bool:
    head = glob[: len(map_name)]
    return head == map_name and glob[len(map_name) :].startswith(".")


def _some(features: Sequence[Feature]) -> str:
    names = [feature.name for feature in features]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _ambiguous(roots: tuple[str, ...], schema: pa.Schema) -> list[Problem]:
    counts = Counter(schema.names)
    return [
        CannotEncode(f"the table has {counts[root]} columns named {root!r}: rename them", refused=True).at(
            "model.inputs"
        )
        for root in roots
        if counts[root] > 1
    ]


def _families(
    model: ModelConfig, catalog: Catalog, features: Sequence[Feature], problems: list[Problem]
) -> dict[str, tuple[str, ...]]:
    """Features of each family; a family is made of what the model reads, for nothing else can change a score."""
    read = {feature.name: feature for feature in features}
    families = {}
    for family, names in model.families.items():
        members: set[str] = set()
        for place, name in enumerate(names):
            matches = {name} & read.keys() or ({found.name for found in catalog.match(name)} & read.keys())
            if not matches:
                problems.append(_not_read(name, read, catalog).at(f"model.families.{family}[{place}]"))
            members |= matches
        families[family] = tuple(known for known in read if known in members)
    return families


def _not_read(name: str, read: Mapping[str, Feature], catalog: Catalog) -> CannotEncode:
    if not is_glob(name) and catalog.find(name) is not None:
        return CannotEncode(
            f"{name!r} is logged, but no input reads it: add it to an input, or take it out of the family"
        )
    return CannotEncode(f"{name!r} matches no feature of the inputs{nearest(name, read)}")
