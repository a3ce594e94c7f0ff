"""What code consists of, looked up once for many openings."""

from __future__ import annotations

from replay.config.user_code import code as code_module
from replay.config.user_code import code_sources, load_code, locate_code, refresh_code
from replay.memo import Memo


def test_code_is_walked_once_and_anew_afterwards(tmp_path, monkeypatch):
    (tmp_path / "helped_once.py").write_text("value = 1\n")
    (tmp_path / "walked_once.py").write_text("import helped_once\nvalue = helped_once.value\n")
    place = locate_code("walked_once.py:value", str(tmp_path))
    walks = []
    find_closure = code_module.find_closure
    monkeypatch.setattr(code_module, "find_closure", lambda *given: walks.append(given) or find_closure(*given))
    load_code(place)
    walks.clear()

    memo = Memo()
    with memo.in_use():
        before = code_sources(place)
        for _ in range(5):
            assert load_code(place) == 1
            assert code_sources(place) == before
    assert len(walks) == 2  # for its hashes, and for what is stale

    (tmp_path / "helped_once.py").write_text("value = 22\n")
    with memo.in_use():
        assert load_code(place) == 1
        assert code_sources(place) == before
    assert load_code(place) == 22
    assert code_sources(place) != before


def test_what_is_seen_to_be_imported_meanwhile_counts(tmp_path):
    (tmp_path / "computed_name.py").write_text("value = 3\n")
    (tmp_path / "imports_late.py").write_text(
        "import importlib\n\n\ndef read():\n    return importlib.import_module('computed' + '_name').value\n"
    )
    place = locate_code("imports_late.py:read", str(tmp_path))

    with Memo().in_use():
        read = load_code(place)
        assert "computed_name" not in code_sources(place)
        with code_module.calling_code(place):
            assert read() == 3
        assert "computed_name" in code_sources(place)
        assert not refresh_code(place)
