"""From the config to input encoders: every type, default, vocabulary and length is checked here, once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from replay.config.messages.wording import suggestion
from replay.config.names import nearest
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.config.sections.model.lists import DERIVED
from replay.errors import Problem
from replay.features.codecs.base import Codec
from replay.features.codecs.buffers import plain_type
from replay.features.codecs.categorical import categorical_codec, make_lookup
from replay.features.codecs.defaults import missing_for, stand_in, unused_missing
from replay.features.codecs.lookup import Lookup
from replay.features.codecs.nan_as_null import NanAsNullCodec
from replay.features.codecs.numeric import is_list, numeric_codec
from replay.features.codecs.transformed import TransformedCodec
from replay.features.codecs.vectors import is_vector
from replay.features.dtypes import TARGETS, TensorDtype
from replay.features.inputs import ColumnInput, InputEncoder, StackedInput
from replay.features.lists import DerivedInput, LengthsInput, ListInput, MaskInput
from replay.features.problems import EncodeError
from replay.features.resolve import Resolution, ResolvedFeature
from replay.features.texts import TextInput, require_text
from replay.features.transform import Step, Transform


def build_inputs(
    model: ModelConfig, resolution: Resolution
) -> tuple[tuple[InputEncoder, ...], tuple[DerivedInput, ...], tuple[Problem, ...]]:
    """Build the encoders of a model's inputs.

    Args:
        model: The model's contract.
        resolution: Its features.

    Returns:
        Inputs that read features, masks and lengths of them, and all problems that stood in the way (not the
        resolution's own). Where there are problems, what is built is not complete.
    """
    problems: list[Problem] = []
    inputs: list[InputEncoder] = []
    derived: list[DerivedInput] = []
    for place, entry in enumerate(model.inputs):
        path = f"model.inputs[{place}]"
        if entry.mask_of is not None:
            derived.append(MaskInput(entry.name, entry.mask_of, TARGETS[entry.dtype]))
            continue
        counted = entry.offsets_of or entry.lengths_of
        if counted is not None:
            derived.append(LengthsInput(entry.name, counted, TARGETS[entry.dtype]))
            continue
        found = resolution.inputs[entry.name]
        if entry.dtype == "string":
            built = _text_input(entry, found, problems)
        else:
            built = _Builder(entry, path, problems).build(found)
        if built is not None:
            inputs.append(built)
    problems.extend(_derived_problems(model, inputs))
    return tuple(inputs), tuple(derived), tuple(problems)


def _text_input(entry: Input, features: Sequence[ResolvedFeature], problems: list[Problem]) -> InputEncoder | None:
    """The encoder of text that the model takes as it is; None where a column holds none."""
    before = len(problems)
    for resolved in features:
        try:
            require_text(resolved.feature.name, resolved.feature.type)
        except EncodeError as problem:
            problems.append(problem.at(resolved.path))
    if len(problems) > before or not features:
        return None
    names = [resolved.feature.name for resolved in features]
    fills = [missing_for(entry, name) for name in names]
    texts = [None if fill is None else str(fill) for fill in fills]
    return TextInput(entry.name, names, texts, stacked=entry.feature is None)


def _derived_problems(model: ModelConfig, inputs: Sequence[InputEncoder]) -> list[Problem]:
    scalars = {built.name for built in inputs if not isinstance(built, ListInput)}
    return [
        EncodeError(f"`{source}` reads a scalar column, expected a list: only lists have {what}").at(
            f"model.inputs[{place}].{key}"
        )
        for place, entry in enumerate(model.inputs)
        for key, what in DERIVED.items()
        for source in (getattr(entry, key),)
        if source in scalars
    ]


class _Builder:
    """Builds one input, and notes every problem with its place."""

    def __init__(self, entry: Input, path: str, problems: list[Problem]) -> None:
        self.entry = entry
        self.path = path
        self.problems = problems
        self.target: TensorDtype = TARGETS[entry.dtype]

    def build(self, features: Sequence[ResolvedFeature]) -> InputEncoder | None:
        """The encoder, or None where a problem stood in the way."""
        before = len(self.problems)
        lookups = self._lookups([resolved.feature.name for resolved in features])
        if features:
            self._check_missing(features)
        if len(self.problems) > before or not features:
            return None
        if self.entry.feature is None:
            codecs = [self._codec(each, each.feature.type, lookups.get(each.feature.name)) for each in features]
            complete = [codec for codec in codecs if codec is not None]
            names = [resolved.feature.name for resolved in features]
            try:
                self._check_shape(len(names))
            except EncodeError as problem:
                self.problems.append(problem.at(f"{self.path}.shape"))
            return StackedInput(self.entry.name, names, complete) if len(self.problems) == before else None
        return self._build_feature(features[0], lookups.get(features[0].feature.name))

    def _build_feature(self, resolved: ResolvedFeature, lookup: Lookup | None) -> InputEncoder | None:
        """The encoder of a `feature`, scalar or list by its logged type."""
        entry, feature = self.entry, resolved.feature
        element = list_element(feature.type)
        codec = self._codec(resolved, element or feature.type, lookup)
        if codec is None:
            return None
        try:
            if element is None:
                _check_scalar(entry, feature.type)
                return ColumnInput(entry.name, feature.name, codec)
            pad = stand_in(0, self.target, None, "pad") if entry.ragged is not None else None
            if entry.pad is not None:
                pad = stand_in(entry.pad, self.target, lookup, "pad")
            length = _length(entry, feature.type)
            self._check_shape(length)
            keep_last, left = entry.keep == "last", entry.pad_side == "left"
            return ListInput(entry.name, feature.name, codec, length, pad, keep_last=keep_last, left=left)
        except EncodeError as problem:
            self.problems.append(problem.at(self.path))
            return None

    def _check_shape(self, width: int | None) -> None:
        """Check that a row has as many values as its shape."""
        shape = self.entry.shape
        if shape and width != math.prod(shape):
            found = "lists of any length: give `length`" if width is None else f"{width} values in a row"
            raise EncodeError(f"`shape: {list(shape)}` has {math.prod(shape)} places, found {found}")

    def _lookups(self, features: Sequence[str]) -> dict[str, Lookup]:
        """What gives the values of each feature their indices; nothing where they are taken as they are."""
        if self.entry.vocabulary is None and self.entry.hash is None:
            return {}
        try:
            if self.entry.hash is None or self.entry.hash.template is None:
                return dict.fromkeys(features, make_lookup(self.entry, self.target))
            return {feature: make_lookup(self.entry, self.target, feature) for feature in features}
        except EncodeError as problem:
            part = "hash" if self.entry.hash is not None else "vocabulary"
            self.problems.append(problem.at(f"{self.path}.{part}"))
            return {}

    def _check_missing(self, features: Sequence[ResolvedFeature]) -> None:
        names = tuple(resolved.feature.name for resolved in features)
        for name in unused_missing(self.entry, names):
            problem = EncodeError(
                f"`missing` names `{name}`, which no feature of the input matches{suggestion(nearest(name, names))}"
            )
            self.problems.append(problem.at(f"{self.path}.missing.{name}"))

    def _codec(self, resolved: ResolvedFeature, logged: pa.DataType, lookup: Lookup | None) -> Codec | None:
        feature = resolved.feature
        steps = self._steps(feature.name)
        taken = TARGETS["float64"] if steps else self.target
        try:
            fill = self._fill(feature.name, taken, lookup)
        except EncodeError as problem:
            self._note(problem.at(f"{self.path}.missing"))
            return None
        try:
            if lookup is not None:
                return categorical_codec(logged, self.entry, self.target, fill, lookup)
            offset = self.entry.offset
            codec = numeric_codec(logged, taken, fill, 0 if steps else offset)
            if self.entry.nan_as_null and pa.types.is_floating(plain_type(logged)):
                codec = NanAsNullCodec(codec)
            return TransformedCodec(codec, steps, self.target, offset) if steps else codec
        except EncodeError as problem:
            named = EncodeError(f"`{feature.name}`: {problem}", refused=True)
            self._note(named.at(resolved.path))
            return None

    def _steps(self, feature: str) -> list[Step]:
        """What is done to the numbers of a feature, in order."""
        bound = []
        for step in self.entry.transform.of(feature):
            assert isinstance(step, Transform), "what is registered as a transform is one"
            try:
                bound.append(step.bind(feature))
            except EncodeError as problem:
                self._note(problem.at(f"{self.path}.transform"))
        return bound

    def _fill(self, feature: str, target: TensorDtype, lookup: Lookup | None) -> np.generic | None:
        missing = missing_for(self.entry, feature)
        return None if missing is None else stand_in(missing, target, lookup, "missing")

    def _note(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def list_element(logged: pa.DataType) -> pa.DataType | None:
    """Type of the elements of a list column (or of a Spark ML vector); None for any other type."""
    kind = plain_type(logged)
    if is_vector(kind):
        return kind.field("values").type.value_type
    return kind.value_type if is_list(kind) else None


def _check_scalar(entry: Input, logged: pa.DataType) -> None:
    listed = entry.length is not None or entry.pad is not None or entry.ragged is not None
    if pa.types.is_null(plain_type(logged)) and listed:
        raise EncodeError(
            f"`{entry.feature}` is a column of Arrow's null type, expected a list: give the table's column its type",
            refused=True,
        )
    if entry.shape:
        raise EncodeError(f"`{entry.feature}` is a column of {logged}, expected a list for `shape`", refused=True)
    if listed:
        raise EncodeError(
            f"`{entry.feature}` is a column of {logged}, expected a list: `length`, `pad` and `ragged` are for lists",
            refused=True,
        )


def _length(entry: Input, logged: pa.DataType) -> int | None:
    """Places in a row of a list input, or None: as many as the batch's longest list has."""
    kind = plain_type(logged)
    size = kind.list_size if pa.types.is_fixed_size_list(kind) else None
    if entry.pad is not None or entry.ragged is not None:
        return entry.length
    if entry.length is None and size is None:
        raise EncodeError(
            f"`{entry.feature}` is a column of {logged}, whose lists differ in length: give `length` where every list "
            "must have that many elements, or `pad` (or `ragged: flat` for an EmbeddingBag)"
        )
    if entry.length is not None and size is not None and entry.length != size:
        raise EncodeError(
            f"`{entry.feature}` is a column of {logged}, expected lists of {entry.length} elements: correct `length`, "
            "or give `pad` to cut or pad them",
            refused=True,
        )
    if not (entry.length or size):
        raise EncodeError(f"`{entry.feature}` is a column of {logged}, whose lists are empty", refused=True)
    return entry.length or size
