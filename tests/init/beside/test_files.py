from __future__ import annotations

from replay.init.beside.files import read_json_files


def test_json_beside_a_checkpoint_and_in_its_folders(tmp_path):
    for name, text in {
        "a.json": "[1]",
        "vocab/b.json": "{}",
        "encoders_v2/c.json": "2",
        "deep/vocab/d.json": "3",
        "broken.json": "{",
        "e.txt": "[]",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    found = read_json_files([tmp_path, tmp_path, tmp_path / "absent"])

    assert {file.stem: file.content for file in found} == {"a": [1], "b": {}, "c": 2}
    assert len(found) == 3
    assert all(file.path.is_absolute() for file in found)
