"""forward() of the module that a factory builds: its signature is read, and it is called with small tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from replay.checkpoints import Checkpoint, Factory, build_module
from replay.errors import CheckpointError
from replay.init.forward.arguments import Argument, ForwardCall
from replay.init.forward.forms import Form, Forms
from replay.init.forward.lookups import Lookups, find_lookups
from replay.init.forward.recording import RecordingDict
from replay.init.forward.search import Accepted, ArgumentSearch
from replay.init.forward.watching import Trace, WatchedModule
from replay.init.leaves import Leaf
from replay.init.sample import LoggedSample

_LONGEST = 160
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def called_factory(checkpoint: Checkpoint, sample: LoggedSample, features: Sequence[Leaf]) -> ForwardCall:
    """Build the module and find out what its forward() takes; what is not found out is said.

    Args:
        checkpoint: Its config names a factory.
        sample: Logged rows.
        features: Columns that may be features.

    Raises:
        CheckpointMismatch: There is no such factory.
    """
    Factory(checkpoint)
    try:
        module, problem = _built(checkpoint)
        found = _Asked(module, sample, features).find()
    except CheckpointError as error:
        return ForwardCall("positional", (), "", problem=str(error))
    except Exception as error:  # whatever someone else's module does when it is looked at, the rest can be drafted
        return ForwardCall("positional", (), "", problem=f"what forward() takes was not found out: {_said(error)}")
    return found if not problem else ForwardCall(**{**vars(found), "problem": found.problem or problem})


def _built(checkpoint: Checkpoint) -> tuple[nn.Module, str]:
    """The module with the file's weights; or as its factory initializes it, and why not with them."""
    try:
        return build_module(checkpoint)[0], ""
    except CheckpointError as error:
        return Factory(checkpoint).build(), str(error)


class _Asked:
    """One module, asked what it takes."""

    def __init__(self, module: nn.Module, sample: LoggedSample, features: Sequence[Leaf]) -> None:
        self._watched = WatchedModule(module)
        self._forms = Forms(sample, features, module)
        self._name = type(module).__name__

    def find(self) -> ForwardCall:
        parameters = list(inspect.signature(self._watched.module.forward).parameters.values())
        required = [each for each in parameters if each.default is inspect.Parameter.empty and each.kind in _POSITIONAL]
        named = [each for each in parameters if each.default is inspect.Parameter.empty and _by_name(each)]
        notes = _left_at_default(parameters)
        if any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters) and not required:
            return self._unknown("takes any number of arguments (*args)", notes)
        if not required and not named:
            return self._unknown("takes no argument that has no default", notes)
        if len(required) == 1 and not named and _may_be_dict(required[0]) and self._column(required[0].name) is None:
            found = self._one_dict(notes)
            if found is not None:
                return found
        return self._several([each.name for each in (*required, *named)], bool(named), notes)

    def _column(self, name: str) -> Leaf | None:
        return self._forms.column(name)

    def _one_dict(self, notes: tuple[str, ...]) -> ForwardCall | None:
        search = ArgumentSearch(self._watched, self._forms)
        accepted = search.entries()
        if accepted is not None:
            forms = self._refined(accepted, self._call_dict)
            reason = f"{self._name}.forward() was called with a dict: it asked for {len(forms)} entries"
            return ForwardCall("dict", self._arguments(forms, self._call_dict), reason, notes)
        asked = search.call_dict(lambda key: self._forms.of(key, stacks=False)[0])[1]
        if not asked:
            return None
        problem = f"{self._name}.forward() asks its dict for these entries, and fails with what was tried: "
        arguments = tuple(Argument(key) for key in asked)
        return ForwardCall(
            "dict", arguments, f"{self._name}.forward() takes a dict", notes, problem + _said(search.error)
        )

    def _several(self, names: Sequence[str], by_name: bool, notes: tuple[str, ...]) -> ForwardCall:
        call: Callable[[Mapping[str, torch.Tensor]], Trace] = self._call_keyword if by_name else self._call_positional
        shown = f"{self._name}.forward({', '.join(names)})"
        search = ArgumentSearch(self._watched, self._forms)
        accepted = None if by_name else search.positional(names)
        if accepted is None:
            problem = "" if by_name else f"{shown} fails with what was tried: {_said(search.error)}"
            arguments = tuple(Argument(name) for name in names)
            return ForwardCall(
                "keyword" if by_name else "positional", arguments, f"the signature {shown}", notes, problem
            )
        forms = self._refined(accepted, call)
        return ForwardCall("positional", self._arguments(forms, call), f"{shown} was called", notes)

    def _refined(self, accepted: Accepted, call: Callable[[Mapping[str, torch.Tensor]], Trace]) -> dict[str, Form]:
        """The same, with floats where integers index nothing, and stacks of indices no wider than what is read."""
        forms = dict(accepted.forms)
        for name, lookups in find_lookups(forms, call).items():
            form, rows = forms[name], lookups.tables
            read = [place for place, table in enumerate(rows) if table is not None]
            tries = [Form("float32", form.sizes)] if not read else []
            if read and len(form.sizes) == 1 and self._column(name) is None and len(rows) == form.sizes[0]:
                tries = [Form("int64", (read[-1] + 1,))]
            for other in tries:
                if call({**_zeros(forms), name: other.zeros()}).worked:
                    forms[name] = other
        return forms

    def _arguments(
        self, forms: Mapping[str, Form], call: Callable[[Mapping[str, torch.Tensor]], Trace]
    ) -> tuple[Argument, ...]:
        lookups = find_lookups(forms, call)
        arguments = []
        for name, form in forms.items():
            its = lookups.get(name, Lookups((), of_lists=False))
            several = len(form.sizes) == 1 and (form.sizes != (1,) or its.of_lists)
            varies = several and self._is_list(name, its) and _may_be_longer(name, forms, call)
            sizes = ("length",) if varies else form.sizes
            arguments.append(Argument(name, form.dtype, ("batch", *sizes), its.tables))
        return tuple(arguments)

    def _is_list(self, name: str, lookups: Lookups) -> bool:
        """Whether an input of several columns is a list, or the mask of one, and no stack of columns."""
        leaf = self._column(name)
        return lookups.of_lists if leaf is None and "mask" not in name else leaf is None or leaf.is_list

    def _call_positional(self, tensors: Mapping[str, torch.Tensor]) -> Trace:
        return self._watched.call(lambda module: module(*tensors.values()))

    def _call_keyword(self, tensors: Mapping[str, torch.Tensor]) -> Trace:
        return self._watched.call(lambda module: module(**tensors))

    def _call_dict(self, tensors: Mapping[str, torch.Tensor]) -> Trace:
        record = RecordingDict(lambda key: tensors[key], lambda key: key in tensors)
        return self._watched.call(lambda module: module(record))

    def _unknown(self, why: str, notes: tuple[str, ...]) -> ForwardCall:
        return ForwardCall("positional", (), "", notes, f"{self._name}.forward() {why}")


def _may_be_longer(name: str, forms: Mapping[str, Form], call: Callable[[Mapping[str, torch.Tensor]], Trace]) -> bool:
    """Whether forward() takes lists of another length: alone, or together with others that were as long."""
    size = forms[name].sizes[0]
    longer = {other: Form(its.dtype, (size + 1,)) for other, its in forms.items() if its.sizes == (size,)}
    tries = ({name: longer[name]}, longer)
    return any(call({**_zeros(forms), **_zeros(changed)}).worked for changed in tries)


def _zeros(forms: Mapping[str, Form]) -> dict[str, torch.Tensor]:
    return {name: form.zeros() for name, form in forms.items()}


def _by_name(parameter: inspect.Parameter) -> bool:
    return parameter.kind is inspect.Parameter.KEYWORD_ONLY


def _may_be_dict(parameter: inspect.Parameter) -> bool:
    """Whether an annotation allows for a dict; none does."""
    shown = str(parameter.annotation).lower()
    return parameter.annotation is inspect.Parameter.empty or "dict" in shown or "mapping" in shown or "any" in shown


def _left_at_default(parameters: Sequence[inspect.Parameter]) -> tuple[str, ...]:
    optional = [f"{each.name}={each.default!r}" for each in parameters if each.default is not inspect.Parameter.empty]
    shown = ", ".join(optional)
    return (f"left at its default: {shown[:_LONGEST]}",) if optional else ()


def _said(error: BaseException | None) -> str:
    """An error in one short line."""
    if error is None:
        return "it did not answer with a tensor that has a row for each row of the batch"
    text = " ".join(str(error).split())
    shown = text[:_LONGEST] + ("..." if len(text) > _LONGEST else "")
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__
