"""Who may replace what in an output directory, and in which order its files appear."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from replay.errors import OutputConflict, RunFailed
from replay.store import COMPLETE, RUNNING, Manifest, OutputDirectory, open_storage, verify_name


def manifest(config: str = "c1", run_id: str = "r1") -> Manifest:
    return Manifest(
        run_id=run_id,
        status=RUNNING,
        config_sha256=config,
        config={"version": 1},
        checkpoints={},
        traffic={},
        started="2026-01-01T00:00:00Z",
    )


@pytest.fixture
def output(tmp_path: Path) -> OutputDirectory:
    return OutputDirectory(open_storage(str(tmp_path / "out")))


def test_a_new_directory_has_no_earlier_run(output: OutputDirectory):
    assert output.previous("c1", overwrite=False) is None


def test_the_same_config_finds_its_earlier_run(output: OutputDirectory):
    output.begin(manifest(), resume=False)
    previous = output.previous("c1", overwrite=False)
    assert previous is not None
    assert (previous.run_id, previous.status) == ("r1", RUNNING)


def test_another_config_is_refused_and_nothing_changes(output: OutputDirectory):
    output.begin(manifest(), resume=False)
    output.finish(manifest(), "2026-01-01T00:01:00Z", {}, {"summary.json": "{}"})
    with pytest.raises(OutputConflict, match="of another config") as error:
        output.previous("c2", overwrite=False)
    assert error.value.exit_code == 2
    assert "--overwrite" in str(error.value)
    assert Path(output.path, "summary.json").read_text() == "{}"


@pytest.mark.parametrize("config", ["c1", "c2"])
def test_overwrite_goes_on_from_nothing(config: str, output: OutputDirectory):
    """Nor from a run of the same config."""
    output.begin(manifest(), resume=False)
    assert output.previous(config, overwrite=True) is None


def test_a_directory_of_strangers_is_refused_even_with_overwrite(output: OutputDirectory):
    Path(output.path).mkdir()
    Path(output.path, "thesis.tex").touch()
    with pytest.raises(OutputConflict, match=r"thesis\.tex"):
        output.previous("c1", overwrite=True)


def test_an_unreadable_manifest_is_refused_unless_overwritten(output: OutputDirectory):
    Path(output.path).mkdir()
    Path(output.path, "manifest.json").write_text('{"version": 1, "nonsense": true}')
    with pytest.raises(OutputConflict, match="not a manifest"):
        output.previous("c1", overwrite=False)
    assert output.previous("c1", overwrite=True) is None


@pytest.mark.parametrize(
    "text", ["[]", "null", "{", '{"run_id": 1}', json.dumps({**asdict(manifest()), "checkpoints": []}), "\udcff"]
)
def test_what_is_no_manifest_of_ours_is_told_as_that(text: str, output: OutputDirectory):
    Path(output.path).mkdir()
    Path(output.path, "manifest.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(OutputConflict, match=r"manifest\.json is not a manifest .*--overwrite"):
        output.previous("c1", overwrite=False)


def test_a_manifest_from_before_sources_were_noted_is_read(output: OutputDirectory):
    data = asdict(manifest())
    del data["sources"], data["engine"]
    Path(output.path).mkdir()
    Path(output.path, "manifest.json").write_text(json.dumps(data))
    previous = output.previous("c1", overwrite=False)
    assert previous is not None
    assert (previous.run_id, previous.sources, previous.engine) == ("r1", {}, {})


def test_the_manifest_goes_before_the_tables(output: OutputDirectory, monkeypatch: pytest.MonkeyPatch):
    """A run that is killed while it replaces another must not be gone on with on half of the other's tables."""
    output.begin(manifest(), resume=False)
    deleted: list[str] = []
    monkeypatch.setattr(output._storage, "delete", deleted.append)
    output.begin(manifest(), resume=False)
    assert deleted.index("manifest.json") < min(deleted.index(name) for name in ("scores", "diffs", "metrics"))
    assert "notes.txt" not in deleted


def test_a_file_in_place_of_the_directory(tmp_path: Path):
    (tmp_path / "out").write_text("keep")
    with pytest.raises(OutputConflict, match="is a file: give an empty or new directory"):
        OutputDirectory(open_storage(str(tmp_path / "out"))).previous("c1", overwrite=True)


def test_begin_removes_what_a_reader_could_take_for_a_result(output: OutputDirectory):
    output.begin(manifest(), resume=False)
    output.finish(manifest(), "2026-01-01T00:01:00Z", {}, {"summary.json": "{}", "report.html": "<p>"})
    Path(output.table("scores")).mkdir()
    output.begin(manifest(), resume=True)
    assert sorted(path.name for path in Path(output.path).iterdir()) == ["manifest.json", "scores"]
    output.begin(manifest(run_id="r2"), resume=False)
    assert [path.name for path in Path(output.path).iterdir()] == ["manifest.json"]


def test_finish_writes_the_summary_after_the_manifest_is_complete(
    output: OutputDirectory, monkeypatch: pytest.MonkeyPatch
):
    output.begin(manifest(), resume=False)
    order: list[str] = []
    write = output._storage.write

    def recording(name: str, text: str) -> None:
        order.append(name)
        write(name, text)

    monkeypatch.setattr(output._storage, "write", recording)
    done = output.finish(
        manifest(), "2026-01-01T00:01:00Z", {"in": 3}, {"summary.json": "{}", "report.html": "<p>", "report.json": "{}"}
    )
    assert order[-2:] == ["manifest.json", "summary.json"]
    assert done.status == COMPLETE
    assert json.loads(Path(output.path, "manifest.json").read_text())["rows"] == {"in": 3}


def test_a_failed_write_leaves_the_old_file(output: OutputDirectory, monkeypatch: pytest.MonkeyPatch):
    output.begin(manifest(), resume=False)
    before = Path(output.path, "manifest.json").read_text()

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(RunFailed, match=r"manifest.json cannot be written: No space"):
        output._storage.write("manifest.json", "half")
    monkeypatch.undo()
    assert Path(output.path, "manifest.json").read_text() == before
    assert [path.name for path in Path(output.path).iterdir()] == ["manifest.json"]


def test_what_verified_a_run_goes_with_its_results(output: OutputDirectory):
    """A new run and one that goes on alike: what they find may be another thing."""
    for resume in (False, True):
        output.begin(manifest(), resume=True)
        Path(output.path, "verify-1").mkdir()
        Path(output.path, "verify-1", "summary.json").write_text("{}")
        Path(output.path, "verify-12.yaml").write_text("version: 1")
        Path(output.path, "verify-0").write_text("someone's")
        assert output.verify_config(12) == "version: 1"
        output.begin(manifest(), resume=resume)
        assert sorted(entry.name for entry in Path(output.path).iterdir()) == ["manifest.json", "verify-0"]
        assert output.verify_config(12) is None


def test_what_verified_a_run_is_not_a_strangers(output: OutputDirectory):
    Path(output.path, verify_name(1)).mkdir(parents=True)
    assert output.previous("c1", overwrite=False) is None
    Path(output.path, "verify-1.txt").write_text("mine")
    with pytest.raises(OutputConflict, match=r"verify-1\.txt"):
        output.previous("c1", overwrite=False)


def left_digests(output: OutputDirectory) -> Path:
    digests = Path(output.digests())
    digests.mkdir()
    (digests / "000000-a.npy").write_bytes(b"digests")
    return digests


@pytest.mark.parametrize("resume", [False, True])
def test_digests_of_an_attempt_are_gone_before_the_next(output: OutputDirectory, resume: bool):
    output.begin(manifest(), resume=False)
    digests = left_digests(output)
    output.begin(manifest(), resume=resume)
    assert not digests.exists()


def test_digests_lie_in_the_output_and_are_not_a_strangers(output: OutputDirectory):
    output.begin(manifest(), resume=False)
    digests = left_digests(output)
    assert digests.parent == Path(output.path)
    Path(output.path, "manifest.json").unlink()
    assert output.previous("c1", overwrite=False) is None


def test_digests_are_dropped_and_nothing_else(output: OutputDirectory):
    output.begin(manifest(), resume=False)
    Path(output.table("scores")).mkdir()
    left_digests(output)
    for _ in range(2):  # none is there the second time
        output.drop_digests()
        assert sorted(path.name for path in Path(output.path).iterdir()) == ["manifest.json", "scores"]


def test_what_is_discarded_is_what_the_run_wrote(output: OutputDirectory):
    output.begin(manifest(), resume=False)
    for table in ("scores", "diffs", "metrics", "hypotheses"):
        Path(output.table(table)).mkdir()
        Path(output.table(table), "part.parquet").touch()
    left_digests(output)
    Path(output.path, "notes.txt").write_text("mine")
    output.discard()
    assert [path.name for path in Path(output.path).iterdir()] == ["notes.txt"]
    assert output.manifest() is None


def test_the_manifest_is_discarded_before_the_tables(output: OutputDirectory, monkeypatch: pytest.MonkeyPatch):
    """Killed meanwhile, a run must not be gone on with on half of its tables."""
    output.begin(manifest(), resume=False)
    deleted: list[str] = []
    monkeypatch.setattr(output._storage, "delete", deleted.append)
    output.discard()
    assert deleted.index("manifest.json") < min(deleted.index(name) for name in ("scores", "diffs", "metrics"))


@pytest.mark.parametrize("resume", [False, True])
def test_rows_of_another_table_that_a_killed_run_left_go_with_the_next(resume: bool, output: OutputDirectory):
    output.begin(manifest(), resume=False)
    left = Path(output.reference(), "drift", "rows")
    left.mkdir(parents=True)

    output.begin(manifest(), resume=resume)

    assert not Path(output.reference()).exists()
    left.mkdir(parents=True)
    output.drop_reference()
    assert not Path(output.reference()).exists()
