"""Which features each input and each family reads: names, paths and globs against a schema, all problems at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from replay.config.messages.wording import suggestion
from replay.config.names import is_glob, matches, nearest
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.errors import Problem
from replay.features.codecs.numeric import is_text
from replay.features.paths import Catalog, Feature
from replay.features.problems import EncodeError, raise_problems


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
        inputs: Features of each input, by its name; none for masks and offsets.
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


def looked_up_texts(model: ModelConfig, schema: pa.Schema) -> frozenset[str]:
    """Columns of text of which inputs look values up and do nothing else, so that distinct values are all they need.

    >>> inputs = [{"name": "x", "dtype": "int64", "features": ["a", "b"], "hash": {"function": "crc32", "buckets": 9}}]
    >>> model = ModelConfig.model_validate({"inputs": inputs})
    >>> sorted(looked_up_texts(model, pa.schema([("a", pa.string()), ("b", pa.int64())])))
    ['a']
    """
    found = resolve_features(model, schema).inputs
    ways: dict[str, set[bool]] = defaultdict(set)
    for entry in model.inputs:
        for resolved in found[entry.name]:
            whole = not resolved.feature.steps and is_text(resolved.feature.type)
            ways[resolved.feature.root].add(whole and (entry.vocabulary is not None or entry.hash is not None))
    return frozenset(root for root, looked_up in ways.items() if looked_up == {True})


def globbed_maps(model: ModelConfig, schema: pa.Schema) -> tuple[str, ...]:
    """Maps whose keys must be known, as a glob of an input goes over them."""
    catalog = Catalog(schema)
    globs = [name for entry in model.inputs for name in entry.features if is_glob(name) and not catalog.match(name)]
    return tuple(dict.fromkeys(found for glob in globs for found in catalog.maps_without_keys(glob)))


def with_map_keys(model: ModelConfig, schema: pa.Schema, map_keys: Mapping[str, Sequence[str]]) -> ModelConfig:
    """The same contract with the globs over maps written out, so that it needs no keys any more.

    Args:
        model: The model's contract.
        schema: Schema of the logged table.
        map_keys: Keys by the name of a map column, from :func:`globbed_maps`.

    >>> from replay.config.sections.model.input import Input
    >>> model = ModelConfig(inputs=(Input(name="x", features=("ctx.*",), missing=0.0),))
    >>> schema = pa.schema([("ctx", pa.map_(pa.string(), pa.float32()))])
    >>> with_map_keys(model, schema, {"ctx": ["a", "b"]}).inputs[0].features
    ('ctx.a', 'ctx.b')
    """
    resolved = resolve_features(model, schema, map_keys).inputs
    inputs = tuple(
        entry.model_copy(update={"features": tuple(found.feature.name for found in resolved[entry.name])})
        if entry.features and resolved[entry.name]
        else entry
        for entry in model.inputs
    )
    return model.model_copy(update={"inputs": inputs})


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
    if entry.is_derived:
        return ()
    if entry.feature is not None:
        places = {f"{path}.feature": entry.feature}
    else:
        places = {f"{path}.features[{index}]": name for index, name in enumerate(entry.features)}
    found: dict[str, ResolvedFeature] = {}
    for where, name in places.items():
        try:
            taken = _resolve(name, catalog)
            if entry.feature is not None and len(taken) > 1:
                raise EncodeError(f"`{name}` matches {_some(taken)}: `feature` is one column, `features` stacks many")
        except EncodeError as problem:
            problems.append(problem.at(where))
            continue
        for feature in taken:
            # A glob leaves a feature that is listed by its own name to that place.
            if feature.name == name or feature.name not in entry.features:
                found.setdefault(feature.name, ResolvedFeature(feature, where))
    return tuple(found.values())


def _resolve(name: str, catalog: Catalog) -> list[Feature]:
    """The features of a name or glob.

    Raises:
        EncodeError: When there is none.
    """
    if is_glob(name):
        taken = catalog.match(name)
    else:
        exact = catalog.find(name)
        taken = [exact] if exact is not None else []
    if taken:
        return taken
    maps = catalog.maps_without_keys(name) if is_glob(name) else ()
    if maps:
        raise EncodeError(
            f"`{name}` goes over the keys of the map `{maps[0]}`, which a schema does not list: name the keys, as in "
            f"{maps[0]}.key, or pass the keys that are logged as `map_keys`",
            refused=True,
        )
    raise EncodeError(f"the table has no column `{name}`{suggestion(nearest(name, catalog.names()))}", refused=True)


def _some(features: Sequence[Feature]) -> str:
    names = [feature.name for feature in features]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _ambiguous(roots: tuple[str, ...], schema: pa.Schema) -> list[Problem]:
    counts = Counter(schema.names)
    return [
        EncodeError(f"the table has {counts[root]} columns named `{root}`: rename them", refused=True).at("model")
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
            taken = {name} if name in read else {known for known in read if matches(name, known)}
            if not taken:
                problems.append(_not_read(name, read, catalog).at(f"model.families.{family}[{place}]"))
            members |= taken
        families[family] = tuple(known for known in read if known in members)
    return families


def _not_read(name: str, read: Mapping[str, Feature], catalog: Catalog) -> EncodeError:
    if not is_glob(name) and catalog.find(name) is not None:
        return EncodeError(f"no input reads `{name}`, though it is logged: add it to an input, or leave it out here")
    return EncodeError(f"no input reads `{name}`{suggestion(nearest(name, read))}")
