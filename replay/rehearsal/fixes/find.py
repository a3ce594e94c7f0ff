"""The search for what a contract has otherwise than serving: every kind of fix, on sampled rows, and then on others."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.checkpoints import ModelScorer
from replay.config import ReplayConfig
from replay.diff.tolerance import agrees
from replay.features import Encoder
from replay.rehearsal.fixes.bench import Answers, Bench, Integers, closeness
from replay.rehearsal.fixes.contract import Contract
from replay.rehearsal.fixes.fix import Fix, write_fix
from replay.rehearsal.fixes.kind import FIXES
from replay.rehearsal.fixes.trial import BEFORE, TriedContract, try_scores
from replay.rehearsal.rows import RehearsedRows

_LEAST_ROWS = 20  # that disagree: of fewer nothing is said
_LEAST_HALF = 10
_ENOUGH = 0.9
_SOME = 0.6  # where nothing explains more: the rest has another reason
_MOST_FIXES = 3
_KEPT = 2  # contracts that are mended further, of each sort
_SCREEN_ROWS = 200
_FINALISTS = 6
_CLOSER = 0.02


def find_fixes(rows: RehearsedRows) -> tuple[Fix, ...]:
    """Find what makes the baseline agree with online where the config's contract does not.

    Every kind of fix is tried on one half of the rows, up to three of them together. What is found must hold on the
    other half: of the rows that it is about nine of ten agree, at most two of ten without it, and the number of tries
    cannot be why. Nothing is said where another checkpoint agrees as it is: then that one answered.

    Args:
        rows: Sampled logged rows.

    Returns:
        The simplest fix that explains most, alone; nothing where none does.
    """
    config = rows.config
    scorer = rows.scorers.get(config.baseline)
    if not isinstance(scorer, ModelScorer) or not rows.batch.num_rows:
        return ()
    if not scorer.reads({entry.name for entry in config.model.inputs}):
        return ()  # fixes are written for the section `model`, and its contract lies elsewhere
    bench = Bench(rows, scorer)
    if (~bench.own_agree[np.concatenate((bench.fit, bench.confirm))]).sum() < _LEAST_ROWS:
        return ()
    if any(_answers_itself(bench, config, other) for name, other in rows.scorers.items() if name != config.baseline):
        return ()
    found = _Mender(bench).run()
    return () if found is None else (write_fix(bench, config, *found),)


def _answers_itself(bench: Bench, config: ReplayConfig, scorer: object) -> bool:
    """Whether another checkpoint agrees with online where the baseline does not."""
    if not isinstance(scorer, ModelScorer):
        return False
    if not scorer.reads({entry.name for entry in config.model.inputs}):
        rows = bench.batch.take(pa.array(bench.screen))
        scores = scorer.score(Encoder(config.encoded_model, rows.schema).encode(rows).tensors).numpy()
        agree = agrees(scores.astype(np.float64), bench.online[bench.screen], bench.start.tolerance)
        return bool(agree.mean() >= _ENOUGH)
    other = bench.with_scorer(scorer)
    agree = other.agree(bench.start, bench.screen)
    return bool(agree.mean() >= _ENOUGH)


class _Mender:
    """Mends a contract step by step.

    Args:
        bench: Where contracts are tried.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.tries = 0
        agree = bench.own_agree[bench.fit]
        self.few = bool(agree.mean() > BEFORE)
        self.kinds = [kind for kind in FIXES.values() if kind.for_some or not self.few]

    def run(self) -> tuple[Contract, tuple[str, ...]] | None:
        """The contract that explains most, and others that explain as much, in words; None where none does."""
        best: TriedContract | None = None
        others: tuple[str, ...] = ()
        last: TriedContract | None = None
        frontier = [self.bench.start]
        for _ in range(_MOST_FIXES):
            trials = [trial for contract in frontier for trial in self._around(contract)]
            if not trials:
                break
            last = max([*([last] if last else []), *trials], key=lambda trial: trial.total)
            able = [trial for trial in trials if self._explains(trial, _ENOUGH) and self._gains(trial, best)]
            if able:
                best, others = self._choose(able)
                frontier = [best.contract]
                if len(self.bench.fit) - best.total < _LEAST_HALF:
                    break
            elif best is not None:
                break
            else:
                frontier = self._promising(trials)
        if best is None and last is not None and self._explains(last, _SOME):
            best = last
        return (best.contract, others) if best is not None and self._holds(best.contract) else None

    def _explains(self, trial: TriedContract, share: float) -> bool:
        return trial.explains(self.bench, share, _LEAST_HALF, self.tries)

    def _gains(self, trial: TriedContract, best: TriedContract | None) -> bool:
        """Whether it makes so many more rows agree that another change is worth its words."""
        before = int(self.bench.own_agree[self.bench.fit].sum()) if best is None else best.total
        return trial.total - before >= max(_LEAST_HALF / 2, 0.01 * len(self.bench.fit))

    def _around(self, contract: Contract) -> list[TriedContract]:
        """A contract and what each kind of fix makes of it, read in every way; the best few of each on all rows."""
        proposed = [contract]
        if len(contract.changes) < _MOST_FIXES:
            proposed += [made for kind in self.kinds for made in kind.propose(self.bench, contract)]
        few = self.bench.fit if self.few else self.bench.fit[:_SCREEN_ROWS]
        screened = [trial for made in _distinct(proposed) for trial in self._read(made, few)[:_KEPT]]
        if len(few) == len(self.bench.fit):
            return screened
        finalists = sorted(screened, key=lambda trial: -trial.total)[:_FINALISTS]
        closest = [trial for trial in sorted(screened, key=lambda one: -one.near) if trial not in finalists][:_KEPT]
        kept = [trial for trial in screened if trial in finalists or trial in closest]
        return [self._try(trial) for trial in kept]

    def _read(self, contract: Contract, rows: Integers) -> list[TriedContract]:
        """A contract with its answer read in every way, that with which most rows agree first."""
        answers = self.bench.answers(contract.model, rows)
        if answers is None:
            return []
        near = self._nearest(answers, rows)
        read = {(contract.model.output, contract.tolerance): contract}
        for kind in self.kinds:
            for one in list(read.values()):
                if len(one.changes) < _MOST_FIXES:
                    for made in kind.read(self.bench, answers, one, rows):
                        read.setdefault((made.model.output, made.tolerance), made)
        self.tries += len(read)
        trials = [try_scores(self.bench, one, answers.scores(one.model.output), rows, near) for one in read.values()]
        return sorted(trials, key=lambda trial: (-trial.total, len(trial.contract.changes)))

    def _nearest(self, answers: Answers, rows: Integers) -> float:
        online = self.bench.online[rows]
        return max(float(closeness(part.numpy()[None, :], online)[0]) for part in answers.selected.values())

    def _try(self, trial: TriedContract) -> TriedContract:
        """The same contract on all rows."""
        contract, rows = trial.contract, self.bench.fit
        return try_scores(self.bench, contract, self.bench.scores(contract, rows), rows, trial.near)

    def _choose(self, able: list[TriedContract]) -> tuple[TriedContract, tuple[str, ...]]:
        """The simplest of those that explain most, and the others in words."""
        most = max(trial.total for trial in able)
        peers = [trial for trial in able if trial.total >= most - max(2, 0.01 * len(self.bench.fit))]
        best = min(peers, key=lambda trial: len(trial.contract.changes))
        least = len(best.contract.changes)
        settings = {best.contract.settings}
        words = []
        for other in (trial.contract for trial in peers if len(trial.contract.changes) == least):
            if other.settings not in settings:
                settings.add(other.settings)
                words.append(" and ".join(other.changes))
        return best, tuple(words)[:_KEPT]

    def _promising(self, trials: list[TriedContract]) -> list[Contract]:
        """What to mend further: contracts under which more rows agree than chance, and those closer to online."""
        own = int(self.bench.own_agree[self.bench.fit].sum())
        better = [
            trial
            for trial in sorted(trials, key=lambda one: (-one.total, len(one.contract.changes)))
            if trial.total >= own + _LEAST_HALF and trial.hits > 3 * trial.chance * trial.rows
        ][:_KEPT]
        unchanged = max(
            (trial.near for trial in trials if trial.contract.model.inputs == self.bench.start.model.inputs),
            default=0.0,
        )
        closer = [
            trial
            for trial in sorted(trials, key=lambda one: -one.near)
            if trial.near > unchanged + _CLOSER * (1.0 - unchanged)
        ][:_KEPT]
        return _distinct([trial.contract for trial in (*better, *closer)])

    def _holds(self, contract: Contract) -> bool:
        """Whether it explains rows on which it was not looked for."""
        rows = self.bench.confirm
        trial = try_scores(self.bench, contract, self.bench.scores(contract, rows), rows)
        return trial.explains(self.bench, _SOME, _LEAST_HALF, self.tries)


def _distinct(contracts: list[Contract]) -> list[Contract]:
    return list({contract.settings: contract for contract in reversed(contracts)}.values())[::-1]
