"""Code at a URL: what is named, what that imports from the same folder, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.config.user_code import UserCodeError, code_sources, load_code, locate_code
from replay.config.user_code.code import missing_code
from replay.files.here import look_again, tell_names
from tests.object_store import S3Server, upload

pytestmark = pytest.mark.usefixtures("modules_forgotten")


@pytest.fixture
def folder(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder at a URL; copies lie under the test's own folder."""
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", None)
    code = tmp_path / "code"
    (code / "f_package" / "inner").mkdir(parents=True)
    texts = {
        "f_model.py": "import json, torch\nfrom f_helper import SCALE\nfrom f_package.inner.deep import DEEP",
        "f_helper.py": "SCALE = 2.0",
        "f_package/__init__.py": "",
        "f_package/inner/__init__.py": "",
        "f_package/inner/deep.py": "import f_last\nDEEP = f_last.LAST",
        "f_package/notes.txt": "not code",
        "f_last.py": "LAST = 7",
        "f_other.py": "1 / 0",
    }
    for name, text in texts.items():
        (code / name).write_text(text)
    look_again()
    return upload(code, f"{s3.new_bucket()}/team/code")


def names_in(directory: str) -> set[str]:
    return {
        file.relative_to(directory).as_posix()
        for file in Path(directory).rglob("*.*")
        if "__pycache__" not in str(file)
    }


def test_what_is_imported_comes_along(folder: str):
    place = locate_code(f"{folder}/f_model.py:SCALE", "")
    expected = {"f_model.py", "f_helper.py", "f_last.py"}
    expected |= {f"f_package/{name}" for name in ("__init__.py", "inner/__init__.py", "inner/deep.py")}
    assert names_in(place.directories[0]) == expected
    assert (place.origin, place.problem, place.spec) == (folder, "", f"{folder}/f_model.py:SCALE")
    assert load_code(place) == 2.0
    assert load_code(locate_code(f"{folder}/f_model.py:DEEP", "")) == 7
    assert set(code_sources(place)) >= {"f_model.py", "f_helper", "f_package", "f_last"}


def test_a_module_beside_a_config_that_lies_there(folder: str):
    place = locate_code("f_model:SCALE", folder)
    assert missing_code(place) is None
    assert load_code(place) == 2.0
    assert load_code(locate_code("json:dumps", folder))([1]) == "[1]"
    absent = missing_code(locate_code("f_absent:build", folder))
    assert str(absent).startswith(f"there is no module `f_absent`, neither installed nor in {folder}:")


def test_two_factories_of_a_folder_share_what_they_import(folder: str):
    first = locate_code(f"{folder}/f_model.py:SCALE", "")
    both = locate_code(f"{folder}/f_last.py:LAST", "")
    assert names_in(both.directories[0]) == names_in(first.directories[0])
    other = locate_code(f"{folder}/f_other.py:X", "")
    assert names_in(other.directories[0]) == {*names_in(first.directories[0]), "f_other.py"}


def test_an_edit_counts_when_it_is_looked_at_again(folder: str, tmp_path: Path):
    before = locate_code(f"{folder}/f_model.py:SCALE", "")
    assert load_code(before) == 2.0
    (tmp_path / "edited.py").write_text("SCALE = 3.5")
    upload(tmp_path / "edited.py", f"{folder}/f_helper.py")
    assert locate_code(f"{folder}/f_model.py:SCALE", "") == before
    look_again()
    after = locate_code(f"{folder}/f_model.py:SCALE", "")
    assert load_code(after) == 3.5
    assert code_sources(after)["f_helper"] != code_sources(before)["f_helper"]


def test_what_is_not_there(folder: str):
    place = locate_code(f"{folder}/f_modle.py:build", "")
    expected = f"{folder}/f_modle.py: no such file; did you mean f_model.py?"
    assert str(missing_code(place)) == expected
    with pytest.raises(UserCodeError, match="did you mean"):
        load_code(place)
    unknown = missing_code(locate_code("nosuch://x/model.py:build", ""))
    assert "nosuch://x/model.py: pyarrow knows no file system for nosuch:" in str(unknown)


def test_a_task_uses_what_it_was_told(folder: str, tmp_path: Path):
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / "f_model.py").write_text("SCALE = 9")
    tell_names({folder: str(tmp_path / "sent"), "/jobs": str(tmp_path / "sent")})
    try:
        file = f"{folder}/f_model.py:SCALE"
        for spec, base in ((file, ""), ("/jobs/f_model.py:SCALE", "/jobs"), ("f_model:SCALE", "/jobs")):
            assert load_code(locate_code(spec, base)) == 9
    finally:
        tell_names({})
