"""How forward() takes the inputs, and whether what it takes is what the config gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from replay.checkpoints.scorers.scorer import Forward
from replay.checkpoints.scorers.texts import texts_of
from replay.config.messages.wording import listing, suggestion
from replay.config.names import nearest
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_KEYWORD = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def bind(function: Callable[..., Any], model: ModelConfig) -> Forward:
    """Put a Python callable behind the config's calling convention; text is given as a list of strings."""
    names = tuple(entry.name for entry in model.inputs)
    text = frozenset(entry.name for entry in model.inputs if entry.dtype == "string")

    def value(tensors: Mapping[str, torch.Tensor], name: str) -> Any:
        return texts_of(tensors[name]).tolist() if name in text else tensors[name]

    if model.call == "positional":
        return lambda tensors: function(*[value(tensors, name) for name in names])
    if model.call == "keyword":
        return lambda tensors: function(**{name: value(tensors, name) for name in names})
    return lambda tensors: function({name: value(tensors, name) for name in names})


@dataclass(frozen=True)
class Arguments:
    """What forward() takes.

    Attributes:
        positional: Names of arguments that can be given by place, in order.
        keyword: Names of arguments that can be given by name.
        required: Those without a default.
        more_positional: Whether any number of further positional arguments is taken.
        more_keyword: Whether any further name is taken.
    """

    positional: tuple[str, ...]
    keyword: tuple[str, ...]
    required: frozenset[str]
    more_positional: bool = False
    more_keyword: bool = False

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Arguments | None:
        """Read them off a Python callable; None where it does not say."""
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return None
        named = [each for each in parameters if each.kind in _POSITIONAL or each.kind in _KEYWORD]
        return cls(
            positional=tuple(each.name for each in named if each.kind in _POSITIONAL),
            keyword=tuple(each.name for each in named if each.kind in _KEYWORD),
            required=frozenset(each.name for each in named if each.default is inspect.Parameter.empty),
            more_positional=any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters),
            more_keyword=any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters),
        )

    @classmethod
    def of_script(cls, method: Any) -> Arguments:
        """Read them off a TorchScript module's forward()."""
        arguments = method.schema.arguments[1:]  # the first is the module, whatever it is called
        names = tuple(argument.name for argument in arguments)
        required = frozenset(argument.name for argument in arguments if not argument.has_default_value())
        return cls(names, names, required)

    @property
    def shown(self) -> str:
        """The argument list, for messages."""
        names = dict.fromkeys((*self.positional, *self.keyword))
        return f"({listing(name if name in self.required else f'{name}=...' for name in names)})"

    def problems(self, model: ModelConfig) -> Iterator[tuple[int | None, str]]:
        """What does not fit.

        Yields:
            The index of the input that is wrong (None: all of them), and what is wrong with it.
        """
        names = [entry.name for entry in model.inputs]
        if model.call == "keyword":
            yield from self._keyword_problems(names)
        else:
            yield from self._positional_problems(names if model.call == "positional" else names[:1], model.call)

    def _keyword_problems(self, names: Sequence[str]) -> Iterator[tuple[int | None, str]]:
        for index, name in enumerate(names):
            if name not in self.keyword and not self.more_keyword:
                near = suggestion(nearest(name, [each for each in self.keyword if each not in names]))
                yield index, f"forward() has no argument `{name}`{near}; it takes {self.shown}"
        missing = [name for name in (*self.positional, *self.keyword) if name in self.required and name not in names]
        for name in dict.fromkeys(missing):
            yield None, f"forward() needs an argument `{name}`, which no input gives; it takes {self.shown}"

    def _positional_problems(self, names: Sequence[str], call: str) -> Iterator[tuple[int | None, str]]:
        given = "one dict" if call == "dict" else f"{len(names)} positional inputs ({listing(names)})"
        needed = [name for name in self.positional if name in self.required]
        only_keyword = [name for name in self.keyword if name in self.required and name not in self.positional]
        hint = "; with `call: keyword` inputs go by name" if call == "positional" else "; is it `call: keyword`?"
        if len(names) > len(self.positional) and not self.more_positional:
            yield None, f"the config gives {given}, forward() takes {len(self.positional)}: {self.shown}{hint}"
        elif len(names) < len(needed):
            yield None, f"the config gives {given}, forward() needs {len(needed)}: {self.shown}{hint}"
        elif only_keyword:
            yield None, f"forward() takes {listing(only_keyword)} by name only: {self.shown}: use `call: keyword`"


def refuse_unfit(arguments: Arguments | None, model: ModelConfig, name: str) -> None:
    """Refuse a model whose forward() cannot be called as the config says.

    Raises:
        CheckpointMismatch: Every problem at once.
    """
    found = [] if arguments is None else [message for _, message in arguments.problems(model)]
    if found:
        raise CheckpointMismatch("\n".join(f"checkpoint {name!r}: {message}" for message in found))
