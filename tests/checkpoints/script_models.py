"""Modules whose TorchScript shows what torch's printer writes."""

# No postponed annotations: torch reads those of named tuples and interfaces as they are.

from enum import Enum
from pathlib import Path
from typing import NamedTuple, Optional

import torch
from torch import Tensor, nn

from tests.checkpoints.samples import torchscript_allowed


class Pair(NamedTuple):
    ctr: Tensor
    cvr: Optional[Tensor]  # noqa: UP045 - torch knows no other way here


class Place(Enum):
    FIRST = 1
    LAST = 70_000


class Mode(Enum):
    MEAN = "mean"
    SUM = "sum"


class Share(Enum):
    HALF = 0.5
    ALL = 1.0


with torchscript_allowed():

    @torch.jit.interface
    class Scores(nn.Module):
        def forward(self, input: Tensor) -> Tensor:  # as nn.Sequential names it
            pass

    @torch.jit.script
    class Counter:
        def __init__(self, start: int) -> None:
            self.count = start

        def add(self, x: Tensor) -> int:
            self.count += int(x.sum())
            return self.count

    @torch.jit.script
    def halved(x: Tensor, share: float = 0.5) -> Tensor:
        return x * share


class Layers(nn.Module):
    """Containers whose children have names that are no identifiers."""

    net: Scores

    def __init__(self) -> None:
        super().__init__()
        self.towers = nn.ModuleDict({"user-tower": nn.Linear(4, 4), "item": nn.Linear(4, 4)})
        self.deep = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])
        self.net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.deep:
            x = layer(x)
        return self.net.forward(x) + self.towers["user-tower"](x) + self.towers["item"](x)


class Flow(nn.Module):
    """Branches, loops, dicts, text, exceptions, and a named answer."""

    def __init__(self) -> None:
        super().__init__()
        self.vocabulary = {"us": 1, "de": 2}

    def forward(self, batch: dict[str, Tensor], countries: list[str], n: int = 3, name: str = "a\n\"q'\\x") -> Pair:
        x = batch["x"]
        out: list[Tensor] = []
        index = 0
        while index < n:
            index += 1
            if index == 2:
                continue
            out.append(x * float(index))
        for key, value in batch.items():
            if key.startswith("y"):
                out.append(value)
        if len(out) == 0:
            raise ValueError(f"no {n} in {name}")
        ids = torch.tensor([self.vocabulary.get(each.lower(), 0) for each in countries])
        with torch.no_grad():
            total = torch.stack(out).sum(0).masked_fill(x > 2, float("-inf"))
        rest: Tensor | None = None
        if total.shape[0] > 1:
            rest = total[:, :2]
        assert total.dim() == 2, "two dimensions"
        print("rows", total.size(0))  # noqa: T201
        return Pair(total + ids.sum(), rest)


class Pair(NamedTuple):
    ctr: Tensor
    cvr: Optional[Tensor]  # noqa: UP045 - torch knows no other way here


class Objects(nn.Module):
    """A class, a function, a task of its own, and what torch knows of a tensor."""

    def forward(self, x: Tensor) -> tuple[Tensor, torch.device, list[int], str]:
        counter = Counter(3)
        later = torch.jit.fork(halved, x)
        y = halved(x) + torch.jit.wait(later) * counter.add(x)
        return y.to(x.dtype), x.device, x.shape, str(counter.count)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(10, 4, mode="sum")
        self.lstm = nn.LSTM(4, 4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.norm = nn.Sequential(nn.LayerNorm(4), nn.BatchNorm1d(4))

    def forward(self, ids: Tensor, offsets: Tensor) -> Tensor:
        x = self.norm(self.bag(ids, offsets)).unsqueeze(0)
        hidden, _ = self.lstm(x)
        return self.attention(hidden, hidden, hidden)[0]


class Shadowed(nn.Module):
    """Children with names of Python's own."""

    def __init__(self) -> None:
        super().__init__()
        self.print = nn.Linear(4, 4)
        self.int = nn.Linear(4, 4)
        self.norm = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.int(self.print(x)))


class Profiled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        with torch.autograd.profiler.record_function("doubled"):
            return x * 2


class Stateful(nn.Module):
    """Sets itself up in code of its own when it is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.ones(1)

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return self.factor, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        torch.set_grad_enabled(False)
        self.factor = state[0]
        self.training = state[1]

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Enums(nn.Module):
    """Members of enums as attributes, some of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.again = Place.FIRST, Place.LAST, Place.FIRST
        self.mode, self.default = Mode.SUM, Mode.SUM
        self.share = Share.HALF
        self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0, 4.0]))
        self.out = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.out(x * self.scale)
        if self.share == Share.HALF:
            y = y * Share.HALF.value
        if self.again == Place.FIRST and self.last == Place.LAST:
            y = y + Place.LAST.value
        return y.sum(1) if self.mode == Mode.SUM else y.mean(1)


def written(module: nn.Module, path: Path, example: tuple[Tensor, ...] | None = None) -> Path:
    """Save a module, scripted, or traced where there is an example."""
    with torchscript_allowed():
        script = torch.jit.script(module.eval()) if example is None else torch.jit.trace(module.eval(), example)
        torch.jit.save(script, str(path))
    return path
