from __future__ import annotations

import yaml

from replay.init.sections.checkpoints import checkpoint_lines
from tests.init.test_draft import checkpoint


def section(directory, **given):
    return yaml.safe_load("\n".join(checkpoint_lines(checkpoint(None, form="state_dict", **given), directory)))


def test_a_factory_is_named_as_the_config_sees_it(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "net.py").write_text("")
    monkeypatch.chdir(tmp_path)

    def factory(spec, folder):
        return section(folder, factory=spec)["checkpoints"]["prod"]["factory"]

    assert factory("code/net.py:build", tmp_path) == "code/net.py:build"
    assert factory("code/net.py:build", tmp_path / "configs") == "../code/net.py:build"
    assert factory("package.models:build", tmp_path / "configs") == "package.models:build"


def test_weights_alone_need_one(tmp_path):
    assert section(tmp_path)["checkpoints"]["prod"]["factory"] == "TODO.py:build"
