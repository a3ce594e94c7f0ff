"""Padding as a logged value: what an element would have to be for the model to take it for padding."""

from __future__ import annotations

import pyarrow as pa

from replay.config.sections.model.input import Input
from replay.features.codecs.defaults import missing_for
from replay.features.codecs.vocabulary import load_vocabulary
from replay.features.dtypes import TARGETS
from replay.features.problems import EncodeError
from replay.scenarios.op import OpProblem, Site
from replay.scenarios.scalars import typed_scalar


def padding_value(entry: Input, site: Site) -> pa.Scalar:
    """The element that an input encodes as its ``pad``, in the type of the feature's elements; null where a null is it.

    Args:
        entry: An input with a ``pad`` that reads the feature.
        site: The feature.

    Raises:
        OpProblem: No logged value becomes the padding.
    """
    pad = entry.pad
    assert pad is not None, "an input that pads says with what"
    is_looked_up = entry.vocabulary is not None or entry.hash is not None
    if isinstance(pad, str) and is_looked_up:
        return typed_scalar(pad, site)
    if not (is_looked_up or entry.transform.of(site.feature)):
        return typed_scalar(pad - entry.offset if entry.offset and not isinstance(pad, str) else pad, site)
    if not entry.transform.of(site.feature) and missing_for(entry, site.feature) == pad:
        return pa.scalar(None, site.scalar)
    word = _word_of(entry, pad)
    if word is None:
        raise OpProblem(
            f"no value of `{site.feature}` becomes the padding {pad!r} of input `{entry.name}`: leave the feature out",
            "pad_side",
        )
    return pa.scalar(word, pa.large_binary()).cast(site.scalar)


def _word_of(entry: Input, pad: object) -> bytes | None:
    """The value that a vocabulary gives the index of the padding; None where there is none, and for a hash."""
    if entry.vocabulary is None or entry.transform:
        return None
    try:
        known = load_vocabulary(entry.vocabulary, TARGETS[entry.dtype])
    except EncodeError:
        return None  # told as a problem of the contract
    return next((word for word, index in known.items() if index + entry.offset == pad), None)
