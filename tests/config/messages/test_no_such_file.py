from pathlib import Path

import pytest

from replay.config.messages.no_such_file import no_such_file, unreadable


@pytest.mark.parametrize(
    ("names", "end"),
    [
        (["prod.pt", "notes.txt"], "did you mean prod.pt?"),
        (["b.bin", "a.bin", ".hidden"], "the folder holds a.bin, b.bin"),
        ([], "the folder holds nothing"),
        (
            [f"{at}.bin" for at in range(9)],
            "the folder holds 0.bin, 1.bin, 2.bin, 3.bin, 4.bin, 5.bin, 6.bin, 7.bin, ...",
        ),
    ],
)
def test_the_nearest_file_is_named_or_what_there_is(tmp_path: Path, names: list[str], end: str):
    for name in names:
        (tmp_path / name).touch()

    assert no_such_file(tmp_path / "prd.pt") == f"{tmp_path / 'prd.pt'}: no such file; {end}"


def test_a_folder_that_is_not_there_either(tmp_path: Path):
    assert no_such_file(tmp_path / "x" / "a.pt") == f"{tmp_path}/x/a.pt: no such file, and no folder {tmp_path}/x"


def test_a_file_that_cannot_be_read_here(tmp_path: Path):
    absent = FileNotFoundError(2, "No such file or directory")
    assert unreadable(f"{tmp_path}/a", absent) == no_such_file(f"{tmp_path}/a")
    assert unreadable("/x/a", PermissionError(13, "Permission denied")) == "/x/a: Permission denied"


def test_a_file_that_cannot_be_read_elsewhere():
    full = OSError(28, "No space left on device")
    assert unreadable("s3://bucket/a", full) == "s3://bucket/a: cannot be read: [Errno 28] No space left on device"
    unknown = ValueError("Unrecognized filesystem type in URI: nosuch://b/a\nsecond line")
    expected = (
        "nosuch://b/a: pyarrow knows no file system for nosuch: (Unrecognized filesystem type in URI: nosuch://b/a)"
    )
    assert unreadable("nosuch://b/a", unknown) == expected
