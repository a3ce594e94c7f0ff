"""Find tensors that forward() takes, by calling it with small ones."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import nn

from replay.init.forward.forms import Form, Forms
from replay.init.forward.recording import RecordingDict
from replay.init.forward.watching import Trace, WatchedModule

_SECONDS = 4.0
_TRIES = 400
_TRIES_AN_ORDER = 120

_Order = Callable[[Form], bool]
_ORDERS: tuple[_Order, ...] = (
    lambda form: True,
    lambda form: form.dtype == "int64",
    lambda form: form.dtype == "float32",
    lambda form: form.sizes == (1,),
)
"""What the first tensor of every entry is like, by turns: as its name says, or all of one sort."""


@dataclass(frozen=True)
class Accepted:
    """Tensors that forward() took.

    Attributes:
        forms: Of each, by name, in the order in which they are given or were asked for.
    """

    forms: dict[str, Form]


class ArgumentSearch:
    """Tries forms until forward() answers.

    Args:
        module: The model.
        forms: Which to try.

    Attributes:
        error: What the most telling failed call raised; None where none failed.
    """

    def __init__(self, module: WatchedModule, forms: Forms) -> None:
        self._module = module
        self._forms = forms
        self._ends = time.monotonic() + _SECONDS
        self._left = _TRIES
        self.error: BaseException | None = None

    def positional(self, names: Sequence[str]) -> Accepted | None:
        """Forms of arguments that are given by place; None where none of those tried is taken."""
        choices = [list(self._forms.of(name, stacks=True)) for name in names]
        heap: list[tuple[int, tuple[int, ...]]] = [(0, (0,) * len(names))]
        seen = {heap[0][1]}
        while heap and self._may_try():
            cost, state = heapq.heappop(heap)
            given = {name: choices[place][index] for place, (name, index) in enumerate(zip(names, state, strict=True))}
            trace = self.call_positional(given)
            if trace.worked:
                return Accepted(given)
            self.error = self.error or trace.error
            for more, other in (*_mended(choices, state, trace), *_next(choices, state)):
                if other not in seen:
                    seen.add(other)
                    heapq.heappush(heap, (cost + more, other))
        return None

    def entries(self) -> Accepted | None:
        """Forms of the entries of forward()'s only argument, a dict; None where it is none, or none is taken."""
        for order in _ORDERS:
            found = self._entries_in(order)
            if found is not None:
                return found
            if not self._may_try():
                break
        return None

    def _entries_in(self, first: _Order) -> Accepted | None:
        heap: list[tuple[int, int, dict[str, int]]] = [(0, 0, {})]
        seen: set[tuple[tuple[str, int], ...]] = {()}
        count = 0
        while heap and count < _TRIES_AN_ORDER and self._may_try():
            cost, _, state = heapq.heappop(heap)
            count += 1

            def form(key: str, state: Mapping[str, int] = state) -> Form:
                return self._choices(key, first)[state.get(key, 0)]

            trace, asked = self.call_dict(form)
            if trace.worked and asked:
                return Accepted({key: form(key) for key in asked})
            if not asked:
                return None  # not a dict, or its entries are not named
            self.error = self.error or trace.error
            for late, key in enumerate(reversed(asked)):
                other = {**state, key: state.get(key, 0) + 1}
                known = tuple(sorted(other.items()))
                if other[key] < len(self._choices(key, first)) and known not in seen:
                    seen.add(known)
                    heapq.heappush(heap, (cost + 1, len(seen) * 1000 + late, other))
        return None

    def call_positional(self, given: Mapping[str, Form]) -> Trace:
        """Call with zeros of these forms, by place."""
        return self._module.call(lambda module: module(*[form.zeros() for form in given.values()]))

    def call_dict(self, form: Callable[[str], Form]) -> tuple[Trace, list[str]]:
        """Call with a dict that hands out zeros, and say which entries were asked for."""
        record = RecordingDict(lambda key: form(key).zeros(), lambda key: self._forms.column(key) is not None)

        def called(module: nn.Module) -> object:
            return module(record)

        return self._module.call(called), record.asked

    def _choices(self, key: str, first: _Order) -> list[Form]:
        forms = self._forms.of(key, stacks=False)
        return sorted(forms, key=lambda form: not first(form))

    def _may_try(self) -> bool:
        self._left -= 1
        return self._left >= 0 and time.monotonic() < self._ends


def _next(choices: Sequence[Sequence[Form]], state: tuple[int, ...]) -> Iterator[tuple[int, tuple[int, ...]]]:
    for place, index in enumerate(state):
        if index + 1 < len(choices[place]):
            yield 1, (*state[:place], index + 1, *state[place + 1 :])


def _mended(
    choices: Sequence[list[Form]], state: tuple[int, ...], trace: Trace
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The same, with one stack of floats as wide as the first layer that refused it wants."""
    if trace.misfit is None:
        return
    found, wanted = trace.misfit
    for place, index in enumerate(state):
        form = choices[place][index]
        if form.dtype == "float32" and len(form.sizes) == 1 and form.sizes[0] + wanted - found > 0:
            wider = replace(form, sizes=(form.sizes[0] + wanted - found,))
            if wider not in choices[place]:
                choices[place].append(wider)
            yield 0, (*state[:place], choices[place].index(wider), *state[place + 1 :])
