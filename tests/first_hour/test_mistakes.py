"""What a new user is told of each mistake: what was found, what was expected, and what to do, which helps."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from tests.cli.command_line import replay
from tests.first_hour.mistakes import MISTAKES, Mistake
from tests.first_hour.shop import Shop, build_shop


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shop(tmp_path_factory.mktemp("first_hour") / "shop").folder


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Shop:
    return Shop(Path(shutil.copytree(built, tmp_path / "shop")))


def test_the_shop_itself_is_right(spark: SparkSession, shop: Shop, capsys: pytest.CaptureFixture[str]):
    assert replay("validate", shop.write_config()) == 0

    printed = capsys.readouterr().out
    assert "prod agrees with online in 2,400 of 2,400 rows (100%)" in printed
    assert "warning" not in printed


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_each_mistake_is_told(spark: SparkSession, shop: Shop, mistake: Mistake, capsys: pytest.CaptureFixture[str]):
    mistake.make(shop)
    file = shop.write_config()
    file.write_text(mistake.text(file.read_text(encoding="utf-8")), encoding="utf-8")

    code = replay(*(argument.format(config=file, folder=shop.folder) for argument in mistake.arguments))

    captured = capsys.readouterr()
    printed = captured.out + captured.err
    said = " ".join(printed.split())
    assert code == mistake.code, printed
    assert [words for words in mistake.says if words.format(folder=shop.folder) not in said] == [], printed
    assert "Traceback" not in printed
    if mistake.mends:
        assert "prod agrees with online in 2,400 of 2,400 rows (100%)" in mended(shop, captured.out, capsys)


def mended(shop: Shop, printed: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said once the YAML that was printed is put where its comment says, as it is."""
    paste(shop.config, printed)
    assert replay("validate", shop.write_config()) == 0
    return capsys.readouterr().out


def paste(config: dict[str, Any], printed: str) -> None:
    """Put what follows "paste this into the config" where each comment says that it goes."""
    lines = iter(printed.split("paste this into the config:\n")[1].split("\n\n")[0].splitlines())
    for comment, text in zip(lines, lines, strict=True):
        place = re.match(r" *# (model\.inputs|model|diff)(?:\.|\[)?(\w+)?", comment)
        assert place is not None, comment
        (pasted,) = yaml.safe_load(text) if text.lstrip().startswith("- ") else (yaml.safe_load(text),)
        if place[1] == "model.inputs":
            config["model"]["inputs"][int(place[2])] = pasted
        elif place[1] == "model":
            config["model"].update(pasted)
        else:
            config.update(pasted)
