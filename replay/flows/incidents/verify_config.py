"""The config that replays the causes of an incident: ``verify-1.yaml`` beside the run that found them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from replay.config import ReplayConfig, Tolerance, to_short_dict
from replay.config.output_template import literal
from replay.config.sections.checkpoints import is_served_route
from replay.config.sections.scenarios import Perturbation
from replay.config.yaml.writing import to_yaml
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.report.summary import Incident
from replay.report.words.causes import cause_words
from replay.report.words.commands import command_line
from replay.report.words.incidents import incident_sentence
from replay.scoring.routes import served_route
from replay.store import verify_name
from replay.traffic import slice_condition

Range = tuple[datetime, datetime, Mapping[str, str]]
"""Start and end (excluded) of some rows, and their slice."""


@dataclass(frozen=True)
class FindingRun:
    """What a run was made of that found an incident.

    Attributes:
        config: As it was loaded, with globs over the keys of maps written out.
        schema: The pinned table's.
        delta_version: Its version; None where it has none.
        checkpoints: sha256 by name.
    """

    config: ReplayConfig
    schema: pa.Schema
    delta_version: int | None
    checkpoints: Mapping[str, str]


@dataclass(frozen=True)
class CauseSettings:
    """What a cause is in a config: the perturbations and the recipe that it was replayed with, as they are.

    Attributes:
        variant: The variant that replays it.
        checkpoint: The checkpoint of that variant.
        checkpoints: The recipe of that checkpoint, by its name, where it is made of others.
        scenarios: The steps of its scenario, by its name, where features changed.
    """

    variant: str
    checkpoint: str
    checkpoints: dict[str, Any]
    scenarios: dict[str, list[dict[str, Any]]]


def cause_settings(name: str, hypothesis: Hypothesis, parts: Sequence[Mapping[str, Any]]) -> CauseSettings | None:
    """Write a cause as a config has it; None where neither a scenario nor a checkpoint is the same.

    Args:
        name: Of its scenario, or of its checkpoint.
        hypothesis: What happened.
        parts: To which rows: `window` and `where` of a step, by each time.
    """
    if hypothesis.layer is not None:
        return None
    recipe, steps = hypothesis.recipe, hypothesis.perturbations
    checkpoint = hypothesis.checkpoint if recipe is None else name
    written = None if recipe is None else recipe.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return CauseSettings(
        variant=f"{checkpoint}/{name}" if steps else checkpoint,
        checkpoint=checkpoint,
        checkpoints={} if written is None else {name: written},
        scenarios={name: [{**_as_yaml(step), **rows} for rows in parts for step in steps]} if steps else {},
    )


def cause_variant(config: ReplayConfig, number: int, places: Sequence[int], hypothesis: Hypothesis) -> str | None:
    """The variant that replays a cause in the config of :func:`verify_config`; None where none does.

    Args:
        config: Of the run that found it.
        number: Of the incident, from 1.
        places: Number of the cause, from 1; of two at once both.
        hypothesis: What happened.
    """
    settings = cause_settings(_name(config, number, places), hypothesis, [{}])
    return None if settings is None else settings.variant


def verify_config(found: FindingRun, number: int, incident: Incident, tolerance: Tolerance) -> str | None:
    """The YAML of a config that replays the causes of an incident, each as one variant; None where none can be.

    It is whole: paths are absolute, the traffic's version and the files of checkpoints are pinned, and what the run
    judged and compared besides is left out.

    Args:
        found: The run that found it.
        number: Of the incident, from 1.
        incident: When and for whom, with its causes.
        tolerance: When a row of it agrees.
    """
    config, causes = found.config, list(_replayed(found, number, incident))
    if not causes:
        return None
    recipes = {name: recipe for cause in causes for name, recipe in cause.checkpoints.items()}
    data = to_short_dict(config.model_copy(update={"gates": (), "sensitivity": False, "skew_matrix": None}))
    wanted = [config.baseline, *(cause.checkpoint for cause in causes)]
    data["traffic"] = _pinned(data["traffic"], found.delta_version)
    data["checkpoints"] = _checkpoints(found, data["checkpoints"], recipes, wanted)
    if not any(map(is_served_route, data["checkpoints"].values())):
        data["traffic"].pop("served_by", None)  # its values may name checkpoints that are left out
    data["baseline"] = config.baseline
    data["scenarios"] = {name: steps for cause in causes for name, steps in cause.scenarios.items()}
    data["scenario_checkpoints"] = [*dict.fromkeys(cause.checkpoint for cause in causes if cause.scenarios)]
    data["diff"] = {**data.get("diff", {}), "tolerance": {"abs": tolerance.abs, "rel": tolerance.rel}}
    # Paths of a config that was made in Python start from where it runs.
    base_dir = config.base_dir or os.getcwd()  # noqa: PTH109, text stays text
    last = {"output": f"{literal(config.output)}/{verify_name(number)}", "base_dir": base_dir}
    data = {key: value for key, value in data.items() if key not in last and value not in ([], {})} | last
    return _comments(config.output, number, incident) + to_yaml(data)


def _replayed(found: FindingRun, number: int, incident: Incident) -> Iterator[CauseSettings]:
    """Each cause in its own windows, and those that overlap together where they do."""
    causes = incident.causes
    replayed = [(one.hypothesis, [place], cause_ranges(incident, one)) for place, one in enumerate(causes, start=1)]
    names = [one.hypothesis for one in causes]
    for joint in dict.fromkeys(joint for one in causes for joint in one.joints):
        first, second = (names.index(part) for part in joint.parts)
        ranges = [cause_ranges(incident, causes[place]) for place in (first, second)]
        both = [one for left in ranges[0] for right in ranges[1] if (one := _overlap(left, right)) is not None]
        replayed.append((joint, [first + 1, second + 1], both))
    for hypothesis, places, rows in replayed:
        if hypothesis is not None and rows:
            settings = cause_settings(_name(found.config, number, places), hypothesis, _parts(found.schema, rows))
            if settings is not None:
                yield settings


def cause_ranges(incident: Incident, cause: Cause) -> list[Range]:
    """When and for whom a cause of an incident holds: its own windows, or the incident's time and slice."""
    parts = cause.windows or incident.ranges
    return [(one.start, one.end, getattr(one, "segments", incident.segments)) for one in parts]


def _overlap(one: Range, other: Range) -> Range | None:
    start, end, segments = max(one[0], other[0]), min(one[1], other[1]), {**one[2], **other[2]}
    agree = all(segments[name] == value for part in (one, other) for name, value in part[2].items())
    return (start, end, segments) if start < end and agree else None


def _name(config: ReplayConfig, number: int, causes: Sequence[int]) -> str:
    """What the scenario or the checkpoint of a cause, or of two at once, is called."""
    name = f"incident_{number}_cause{'s' if len(causes) > 1 else ''}_{'_'.join(map(str, causes))}"
    while name in config.checkpoints:
        name += "_"
    return name


def _checkpoints(
    found: FindingRun, written: Mapping[str, Any], recipes: Mapping[str, Any], wanted: Iterable[str]
) -> dict[str, Any]:
    """The checkpoints that are wanted, and those that they are made of, near and far; a file by its hash."""
    listed = {**written, **recipes}
    needed: set[str] = set()
    left = list(wanted)
    while left:
        name = left.pop()
        if name not in needed:
            needed.add(name)
            is_served = is_served_route(listed[name])
            left += served_route(found.config).members if is_served else _sources(listed[name])
    files = found.config.file_checkpoints
    return {
        name: {**entry, "sha256": found.checkpoints[name]} if name in files and name in found.checkpoints else entry
        for name, entry in listed.items()
        if name in needed
    }


def _sources(entry: Mapping[str, Any]) -> list[str]:
    """Checkpoints that one is made of."""
    return [*entry.get("splice", {}).values(), *entry.get("route", {}), *([entry["from"]] if "from" in entry else [])]


def _pinned(traffic: Mapping[str, Any], version: int | None) -> dict[str, Any]:
    rest = {key: value for key, value in traffic.items() if key != "delta_timestamp" or version is None}
    return rest if version is None else {**rest, "delta_version": version}


def _parts(schema: pa.Schema, ranges: Sequence[Range]) -> list[dict[str, Any]]:
    """Rows by times and slices, as a step of a scenario names them."""
    return [
        {
            "window": {"start": _iso(start), "end": _iso(end)},
            **({"where": slice_condition(schema, segments)} if segments else {}),
        }
        for start, end, segments in ranges
    ]


def _as_yaml(step: Perturbation) -> dict[str, Any]:
    """A step as one would write it: what is given, a list of one as its value, and then the names."""
    written = step.model_dump(mode="json", by_alias=True, exclude_unset=True)
    given = {key: value for key, value in written.items() if value not in (None, [], {})}
    names = {key: given.pop(key) for key in ("families", "features", "with") if key in given}
    return {key: value[0] if isinstance(value, list) else value for key, value in given.items()} | names


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _comments(output: str, number: int, incident: Incident) -> str:
    verify = command_line(["replay", "verify", output, "--incident", str(number)])
    run = command_line(["replay", "run", f"{output}/{verify_name(number)}.yaml"])
    named = enumerate(incident.causes, start=1)
    lines = [
        f"Incident {number}: {incident_sentence(incident)}",
        "The baseline, and the causes that were found, each as a variant:",
        *(f"  {place}. {cause_words(cause)} ({cause.variant})" for place, cause in named if cause.variant is not None),
        "What replays it and says whether they hold:",
        f"  {verify}",
        "What replays it alone:",
        f"  {run}",
    ]
    return "".join(f"# {' '.join(line.splitlines())}\n" for line in lines) + "\n"
