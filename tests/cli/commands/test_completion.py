"""``replay completion``: the script works where it is sourced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import replay


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_prints_a_script_and_where_to_put_it(shell: str, capsys: pytest.CaptureFixture[str]):
    assert replay("completion", shell) == 0
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(f"# To complete in every {shell}, put this line into ~/")
    assert second.startswith("#   ")
    assert f"replay completion {shell}" in second
    assert any("_REPLAY_COMPLETE" in line for line in rest)


def test_another_shell_is_wrong_usage(capsys: pytest.CaptureFixture[str]):
    assert replay("completion", "tcsh") == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A directory with a ``replay`` to put on the PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    script = directory / "replay"
    script.write_text(f"#!{sys.executable}\nfrom replay.cli import main\nmain()\n")
    script.chmod(0o755)
    return directory


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["replay", "di"], ["diagnose"]),
        (["replay", "run", "re"], ["replay.yaml"]),
        (["replay", "run", "replay.yaml", "--over"], ["--overwrite"]),
        (["replay", "completion", "f"], ["fish"]),
    ],
)
def test_bash_completes_after_the_script_is_sourced(
    words: list[str], expected: list[str], program: Path, tmp_path: Path
):
    (tmp_path / "replay.yaml").touch()
    (tmp_path / "results.csv").touch()
    line = " ".join(f"'{word}'" for word in words)
    code = (
        'eval "$(replay completion bash)"\n'
        f'COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _replay_completion replay\necho "${{COMPREPLY[@]}}"'
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PATH": f"{program}:{os.environ['PATH']}", "PYTHONPATH": str(root)}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == expected, done.stderr
