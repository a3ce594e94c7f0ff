"""Names of variants: a checkpoint, or a checkpoint under a scenario. Each is a column of the scores table.

The checks read plain data and skip values of a wrong type: those are reported where they stand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from replay.config.messages.finding import Finding, KeyPath
from replay.config.plain import mapping, texts
from replay.config.sections.base import NOT_IN_NAMES
from replay.config.sections.diff import render_duration
from replay.config.sections.op_arguments import OpArguments, arguments_of, listed_keys
from replay.config.sections.scenarios import Perturbation, listed_values
from replay.config.sections.skew import pairing_names
from replay.config.sections.traffic import OWN_COLUMNS, columns_by_role

MAX_VARIANTS = 1000
"""Each is a column of every table that a run writes, and a model or a scenario that is scored."""

# What a run writes into the scores table beside the roles of `traffic`; `online` is also a name in gates.
_OWN_COLUMNS = (*OWN_COLUMNS, "online")


@dataclass(frozen=True)
class Scenario:
    """One what-if, with a single value for each key of its steps.

    Attributes:
        name: ``counts_null``, or ``counts_dose@0.1`` where a step of the config lists several values.
        salt: Name in the config, ``counts_dose``: what is hashed, so that a higher rate only adds rows.
        perturbations: Its steps, in order.
    """

    name: str
    salt: str
    perturbations: tuple[Perturbation, ...]


def expand_scenario(name: str, steps: Sequence[Perturbation]) -> Iterator[Scenario]:
    """The scenarios that one of a config stands for: every combination of the values that its steps list.

    >>> steps = [Perturbation(op="nulls", features=("a",), rate=(0.1, 1.0))]
    >>> [scenario.name for scenario in expand_scenario("dose", steps)]
    ['dose@0.1', 'dose@1']
    """
    for full, choices in _combinations(name, [step.listed for step in steps]):
        yield Scenario(full, name, tuple(step.single(values) for step, values in zip(steps, choices, strict=True)))


def _combinations(
    name: str, steps: Sequence[Sequence[Sequence[Any]]]
) -> Iterator[tuple[str, tuple[tuple[Any, ...], ...]]]:
    """Every combination of the values that the keys of steps list, with the name of its scenario."""
    for choices in itertools.product(*(itertools.product(*listed) for listed in steps)):
        chosen = zip(itertools.chain(*steps), itertools.chain(*choices), strict=True)
        parts = [value_text(value) for values, value in chosen if len(values) > 1]
        yield "@".join([name, *parts]), choices


def sensitivity_name(family: str) -> str:
    """Name of the scenario in which a family is null everywhere.

    >>> sensitivity_name("counts 7d")
    'null.counts_7d'
    """
    return f"null.{NOT_IN_NAMES.sub('_', family)}"


def value_text(value: object) -> str:
    """One value of a list as it stands in a variant's name.

    >>> value_text(0.1), value_text(1.0), value_text(timedelta(hours=3))
    ('0.1', '1', '3h')
    """
    if isinstance(value, timedelta):
        return render_duration(value)
    text = repr(float(value)).removesuffix(".0") if isinstance(value, (int, float)) else str(value)
    return NOT_IN_NAMES.sub("_", text)


@dataclass(frozen=True)
class NamedVariant:
    """A variant as the plain data of a config names it.

    Attributes:
        name: Its name.
        path: What gives it the name, in the config.
        whose: What a column of that name would be, in a message.
    """

    name: str
    path: KeyPath
    whose: str


def too_many_variants(data: Mapping[str, Any]) -> Finding | None:
    """What to say of a config whose lists multiply to more variants than a run takes; nothing is made of them.

    Args:
        data: The whole config.
    """
    counts: dict[KeyPath, int] = {("checkpoints",): len(mapping(data.get("checkpoints")))}
    modules = mapping(mapping(data.get("skew_matrix")).get("modules"))
    if modules:
        counts["skew_matrix", "modules"] = math.prod(max(len(texts(each)), 1) for each in modules.values())
    perturbed = max(len(texts(data.get("scenario_checkpoints"))), 1)
    scenarios = sum(_num_scenarios(steps) for steps in mapping(data.get("scenarios")).values())
    if data.get("sensitivity") is True:
        scenarios += len(mapping(mapping(data.get("model")).get("families")))
    counts["scenarios",] = perturbed * scenarios
    total = sum(counts.values())
    if total <= MAX_VARIANTS:
        return None
    most = max(counts, key=lambda path: counts[path])
    return Finding(
        most,
        f"the config makes {total:,} variants, {counts[most]:,} of them here; a run takes at most {MAX_VARIANTS:,}, as"
        " each is a column of its tables: list fewer values, or make several runs of it",
    )


def _num_scenarios(steps: object) -> int:
    """How many one of a config stands for: the product of the lengths of all lists in its steps, where it has any."""
    entries = [step for step in steps if isinstance(step, dict)] if isinstance(steps, (list, tuple)) else []
    return math.prod(length for step in entries for length in _listed_lengths(step))


def _listed_lengths(step: Mapping[str, Any]) -> Iterator[int]:
    """How many values each key of a step lists, of those that may list several."""
    op = step.get("op")
    arguments = arguments_of(op) if isinstance(op, str) else None
    for each in (*listed_keys(Perturbation), *listed_keys(arguments or OpArguments)):
        given = step.get(each.key)
        if isinstance(given, (list, tuple)) and given:
            yield len(given)


def named_variants(data: Mapping[str, Any]) -> tuple[list[NamedVariant], set[str]]:
    """Every variant of a config, as far as it can be read; and the scenarios that cannot.

    Args:
        data: The whole config.
    """
    variants = [*_checkpoints(data), *_pairings(data)]
    unread: set[str] = set()
    scenarios: list[tuple[str, KeyPath]] = []
    for salt, steps in mapping(data.get("scenarios")).items():
        names = _scenario_names(str(salt), steps)
        if names is None:
            unread.add(salt)
        scenarios += [(name, ("scenarios", salt)) for name in names or ()]
    if data.get("sensitivity") is True:
        for family in mapping(mapping(data.get("model")).get("families")):
            scenarios.append((sensitivity_name(str(family)), ("model", "families", family)))
    perturbed = {name.casefold(): name for name in texts(data.get("scenario_checkpoints")) or texts(baseline_of(data))}
    for checkpoint in perturbed.values():
        for scenario, path in scenarios:
            name = f"{checkpoint}/{scenario}"
            variants.append(NamedVariant(name, path, f"of another variant (`{name}`)"))
    return variants, unread


def baseline_of(data: Mapping[str, Any]) -> object:
    """Name of the baseline; by default the first checkpoint."""
    return data.get("baseline") or next(iter(mapping(data.get("checkpoints"))), None)


def _checkpoints(data: Mapping[str, Any]) -> Iterator[NamedVariant]:
    for name in mapping(data.get("checkpoints")):
        if isinstance(name, str):
            yield NamedVariant(name, ("checkpoints", name), f"of another checkpoint (`{name}`)")


def _pairings(data: Mapping[str, Any]) -> Iterator[NamedVariant]:
    """What the skew matrix adds."""
    matrix = mapping(data.get("skew_matrix"))
    modules = {
        str(module): tuple(dict.fromkeys(texts(each))) for module, each in mapping(matrix.get("modules")).items()
    }
    rest = matrix.get("rest")
    for name, _ in pairing_names(modules, rest if isinstance(rest, str) else None) if len(modules) > 1 else ():
        yield NamedVariant(name, ("skew_matrix", "modules"), f"of another pairing (`{name}`)")


def _scenario_names(name: str, steps: object) -> list[str] | None:
    """Names of the scenarios that one of a config stands for; None where its values cannot be read."""
    read = [listed_values(step) for step in steps] if isinstance(steps, (list, tuple)) else []
    listed = [values for values in read if values is not None]
    if not read or len(listed) < len(read):
        return None
    # That a value is listed twice is reported where it is listed.
    return list(dict.fromkeys(full for full, _ in _combinations(name, listed)))


def check_columns(variants: Sequence[NamedVariant], data: Mapping[str, Any]) -> Iterator[Finding]:
    """Every variant is a column of the scores table, where Spark ignores case."""
    taken = {name.casefold(): f"of the run itself (`{name}`)" for name in _OWN_COLUMNS}
    for role, names in columns_by_role(mapping(data.get("traffic"))).items():
        for name in names:
            taken.setdefault(name.casefold(), f"of the traffic (`{role}: {name}`)")
    reported: set[KeyPath] = set()
    for variant in variants:
        whose = taken.setdefault(variant.name.casefold(), variant.whose)
        if whose is not variant.whose and variant.path not in reported:
            reported.add(variant.path)
            yield Finding(
                variant.path,
                f"the name `{variant.name}` is a column {whose}: both go into the scores table, so give another name",
            )
