"""What a job needs on the machines where it runs, and how they come by it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from replay.checkpoints import Checkpoint, at_hand, derive, open_scorer
from replay.checkpoints.examine import examine
from replay.config import CheckpointConfig, SpliceConfig
from replay.config.user_code import locate_code
from replay.errors import CorruptCheckpoint, ReplayError, RunFailed
from replay.files import private_cache
from replay.files.copies import Content, Writer
from replay.files.here import look_again, tell_names
from replay.scoring import Work
from replay.scoring.needed import NeededFolder, needed_folders, receive, unreachable
from replay.scoring.sources import find_sources
from tests.checkpoints.models import contract, examined
from tests.object_store import S3Server, upload
from tests.scoring.making import DENSE, work

pytestmark = pytest.mark.usefixtures("modules_forgotten")

NET = """
import torch
from pathlib import Path
from {name}_helper import SCALE
BIAS = float((Path(__file__).parent / "{name}_bias.txt").read_text())
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))
    def forward(self, dense):
        return SCALE * (dense @ self.weight) + BIAS
"""
OP = "class Double:\n    def apply(self, values, draw):\n        return values\n"
VOCABULARY = {"name": "c", "dtype": "int64", "feature": "c", "vocabulary": ""}


@dataclass
class Drivers:
    """Files that the driver sent, all of them in memory.

    Attributes:
        data: By hash.
        forgotten: Of what was written.
    """

    data: Mapping[str, bytes] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)

    def __contains__(self, content: Content) -> bool:
        return content.sha256 in self.data

    def write(self, content: Content, target: Writer) -> None:
        target.write(self.data[content.sha256])

    def forget(self, contents: Iterable[Content]) -> None:
        self.forgotten += [content.name for content in contents]


def sent(folders: Iterable[NeededFolder]) -> Drivers:
    files = [file for folder in folders for file in folder.files]
    return Drivers({file.content.sha256: Path(file.path).read_bytes() for file in files})


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("TMPDIR", str(cache))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(private_cache, "_kept", {})
    look_again()
    yield cache
    tell_names({})


def a_job(driver: Path, name: str) -> tuple[Work, dict[str, Checkpoint]]:
    """A factory with a helper and a file that it reads, two files of weights, a splice, a vocabulary and an op."""
    driver.mkdir(exist_ok=True)
    texts = {f"{name}.py": NET.format(name=name), f"{name}_helper.py": "SCALE = 2.0\n", f"{name}_bias.txt": "0.5"}
    for file, text in {**texts, f"{name}_ops.py": OP, "c.json": json.dumps(["x", "y"]), "unused.py": "1 / 0"}.items():
        (driver / file).write_text(text)
    checkpoints = {}
    for number, each in enumerate(("old", "new"), start=1):
        torch.save({"weight": torch.full((3,), float(number))}, driver / f"{each}.pt")
        config = {"factory": f"{driver}/{name}.py:Net", "base_dir": str(driver)}
        checkpoints[each] = examined(driver / f"{each}.pt", name=each, **config)
    checkpoints["both"] = derive(SpliceConfig(splice={"*": "new"}), "both", checkpoints, 0)
    for checkpoint in checkpoints.values():
        open_scorer(checkpoint, contract("dense"))  # now it is known what the code reads
    inputs = [DENSE, {**VOCABULARY, "vocabulary": f"{driver}/c.json"}]
    steps: Any = {"s": [{"op": f"{driver}/{name}_ops.py:Double", "features": ["a"]}]}
    return work(steps, inputs=inputs, base_dir=str(driver), checkpoints=tuple(checkpoints)), checkpoints


def names_in(folders: Iterable[NeededFolder]) -> list[set[str]]:
    return [{content.name for content in folder.contents} for folder in folders]


def test_what_is_needed(tmp_path: Path):
    folders = needed_folders(*a_job(tmp_path / "driver", "n_all"))
    code = {"n_all.py", "n_all_helper.py", "n_all_bias.txt", "n_all_ops.py"}
    assert names_in(folders) == [{"old.pt"}, {"new.pt"}, {"new.pt"}, {"c.json"}, code]
    assert unreachable(folders) == []
    assert receive(folders, Drivers()) == {}


def test_a_machine_without_the_drivers_disk_is_sent_all(tmp_path: Path):
    driver = tmp_path / "driver"
    of, checkpoints = a_job(driver, "n_sent")
    folders, sources = needed_folders(of, checkpoints), find_sources(of, checkpoints)
    dense = {"dense": torch.ones(2, 3)}
    files = sent(folders)
    shutil.move(driver, tmp_path / "elsewhere")
    assert unreachable(folders) == list(range(5))
    names = receive(folders, files)
    assert set(names) == {str(driver), *(f"{driver}/{name}" for name in ("old.pt", "new.pt", "c.json"))}
    assert {"old.pt", "new.pt", "c.json", "n_sent_bias.txt"} <= set(files.forgotten)
    tell_names(names)
    for name, expected in (("old", 6.5), ("new", 12.5), ("both", 12.5)):
        scorer = open_scorer(at_hand(checkpoints[name]), contract("dense"))
        assert scorer.score(dense).tolist() == [expected, expected]
    assert find_sources(of, checkpoints) == sources
    # Another process of that machine finds the copies.
    assert unreachable(folders) == []
    assert receive(folders, Drivers()) == names


def test_a_file_of_the_same_name_is_not_taken_for_the_drivers(tmp_path: Path):
    driver = tmp_path / "driver"
    folders = needed_folders(*a_job(driver, "n_namesake"))
    files = sent(folders)
    (driver / "old.pt").write_bytes(b"of another release")
    assert unreachable(folders) == [0]
    assert set(receive(folders, files)) == {f"{driver}/old.pt"}


def test_what_has_a_url_is_fetched(tmp_path: Path, s3: S3Server, temporary: Path):
    of, _ = a_job(tmp_path / "driver", "n_urls")
    url = upload(tmp_path / "driver", f"{s3.new_bucket()}/jobs")
    inputs = [DENSE, {**VOCABULARY, "vocabulary": f"{url}/c.json"}]
    steps: Any = {"s": [{"op": f"{url}/n_urls_ops.py:Double", "features": ["a"]}]}
    of = work(steps, inputs=inputs, base_dir=url)
    locate_code(f"{url}/n_urls_ops.py:Double", url)  # as a config is looked through before anything is opened
    config = CheckpointConfig(path=f"{url}/old.pt", factory=f"{url}/n_urls.py:Net")
    checkpoints = {"prod": examine(config, "prod", base_dir=url)}
    folders, sources = needed_folders(of, checkpoints), find_sources(of, checkpoints)
    assert names_in(folders) == [{"old.pt"}, {"c.json"}, {"n_urls.py", "n_urls_helper.py", "n_urls_ops.py"}]
    assert [file.url for file in folders[0].files] == [f"{url}/old.pt"]
    shutil.rmtree(temporary)
    temporary.mkdir()
    private_cache._kept.clear()
    assert unreachable(folders) == []
    names = receive(folders, Drivers())
    tell_names(names)
    assert set(names) >= {url, f"{url}/c.json"}
    assert find_sources(of, checkpoints) == sources
    (tmp_path / "other").write_bytes(b"x" * (tmp_path / "driver" / "old.pt").stat().st_size)
    upload(tmp_path / "other", f"{url}/old.pt")
    shutil.rmtree(temporary)
    temporary.mkdir()
    private_cache._kept.clear()
    with pytest.raises(CorruptCheckpoint, match=r"s3://.*/old\.pt was replaced while it was in use: its sha256 was "):
        receive(folders, Drivers())


def test_what_cannot_be_had_is_said(tmp_path: Path):
    driver = tmp_path / "driver"
    folders = needed_folders(*a_job(driver, "n_late"))
    shutil.move(driver, tmp_path / "elsewhere")
    with pytest.raises(RunFailed, match=r"a machine of the cluster has no .*/old\.pt, which those that were asked"):
        receive(folders, Drivers())

    class Gone(Drivers):
        def write(self, content: Content, target: Writer) -> None:
            raise OSError("No space left on device")

    everything = {file.content.sha256: b"" for folder in folders for file in folder.files}
    with pytest.raises(ReplayError, match=r"a machine of the cluster: .*old\.pt: No space left on device"):
        receive(folders, Gone(everything))
