from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import replay
from replay.diagnosis.causes.cause import Equivalent
from replay.errors.printable import printable
from replay.report.html.render import render_html
from replay.report.summary import Cause, GateVerdict, Incident, IncidentRow, NoiseFloorSummary, Reconciliation
from replay.report.summary.data import ReportData
from replay.report.summary.effects import FamilyEffect, SkewMatrix
from tests.report import sample
from tests.report.everything import FIRST, everything_data, matrix
from tests.report.html.page_reader import Page
from tests.report.sample import metric

DATA = {
    "burst": sample.burst_data,
    "clean": sample.clean_data,
    "wrong": sample.wrong_data,
    "bare": sample.bare_data,
    "many": lambda: sample.many_data(num_variants=40, num_buckets=600),
    "everything": everything_data,
}


@pytest.fixture(scope="module", params=list(DATA))
def rendered(request):
    return render_html(DATA[request.param]())


def test_tags_nest_and_ids_are_unique(rendered):
    page = Page(rendered)
    assert page.wrong == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs["href"] for tag, attrs in page.elements if tag == "a"]
    assert {target.removeprefix("#") for target in targets} <= set(ids)


def test_nothing_is_loaded_from_anywhere(rendered):
    page = Page(rendered)
    for tag, attrs in page.elements:
        for name in ("src", "srcset", "href", "xlink:href", "action", "data", "poster"):
            target = attrs.get(name)
            assert target is None or target.startswith(("#", "data:")), (tag, name, target)
        assert tag not in {"iframe", "object", "embed", "base", "form"}
    assert "://" not in rendered
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|sendBeacon|WebSocket|importScripts", rendered)


def test_the_policy_lets_only_our_script_run(rendered):
    page = Page(rendered)
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(page.scripts[-1].encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}';" in policy
    handlers = [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert handlers == []


def test_it_is_small(rendered):
    assert len(rendered.encode()) < 600_000


def test_every_number_of_the_first_question_is_there():
    page = Page(render_html(sample.burst_data()))
    for said in (
        "4,324 of 200,000 rows (2.2%)",
        "99.9% of them lie between 18:02 and 18:05 UTC",
        "204,118 rows were read",
    ):
        assert said in page.text
    for said in (
        "0.7312",
        "0.7188",
        "1e-6 + 1e-5 * |online|",
        "delta version 41",
        "9f2c9f2c9f2c",
        "1,843,201",
        "11.8 s",
    ):
        assert said in page.text
    assert "Every one is accounted for." in page.text


def test_pictures_and_rows_are_counted():
    page = Page(render_html(sample.burst_data()))
    assert page.count("div", "panel") == 4
    assert page.count("span", "run") == 4  # the tinted range, in each picture
    assert page.count("details", "row") == 10
    assert page.count("button", "copy") == 10
    assert sum(tag == "tr" for tag, _ in page.elements) == sum(
        (1 + 2, 1 + 2, 1 + 3, 1 + 4, 1 + 12, 1 + 4, 1 + 7, 1 + 2)
    )


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (sample.clean_data, "The replay reproduces the online scores"),
        (sample.burst_data, "The replay does not reproduce every online score"),
        (sample.wrong_data, "The replay reproduces none of the online scores"),
        (lambda: ReportData(sample.summary({"prod": sample.variant(None)})), "The replay could not be compared"),
    ],
)
def test_the_answer_is_one_of_four(data, word):
    assert word in Page(render_html(data())).text


def test_an_incident_is_a_whole_story():
    text = Page(render_html(everything_data())).text
    for said in (
        "1 On 2026-11-20 from 18:02:02 to 18:05:31 UTC (3 min 29 s), 94% of the 4,597 rows of surface=home",
        "as if family counts_7d had been null. Replayed that way, 1,640 of 1,707 (96.1%)",
        "From 2026-11-20 18:02:02.137 UTC",
        "Slice surface=home",
        "Beyond the tolerance 4,321 (94%)",
        "family counts_7d null or zero: the same to the model on every row that was tried.",
        "On these rows it is indistinguishable from: family counts_7d multiplied by -1. What would tell: rows with "
        "clicks_7d < 0 (the two differ on 12 of 800 good rows that were tried).",
        "67 of the 1,707 tested rows agree under no hypothesis",
        "not another family stale (best 2.1%), not another checkpoint (best 0%)",
        "NE increase +0.168 0.112 to 0.225 93%",
        "AUC drop +0.0412 0.021 to 0.061 95%",
        "Verify it over the whole window replay verify /runs/window-41 --incident 1",
        "5 rows to look at",
        "replay row /runs/window-41 --key request_id=r-88213 --key item_id=4400",
        "2 Since 2026-11-20 19:01 UTC, to the end of the window, 30.1% of the 58,120 rows",
        "NE increase may be chance",
    ):
        assert said in text


def test_scenarios_doses_matrix_and_families_are_shown():
    page = Page(render_html(everything_data()))
    for said in (
        "Holds up to a lag of 1 version at AUC drop <= 0.005",
        "v4 0.00795 0.00383 0.0011 0",
        "Losing counts_7d costs most: AUC drop 0.04 (0.0368 to 0.0432), 3.3 times that of user.",
        "prod/ int8_embeddings 12 non-finite 3,401 saturated",
        "0.0034 95%: 0.0008 to 0.0034, 200,000 rows passed",
    ):
        assert said in page.text
    assert page.count("td", "consistent") == 4
    assert page.count("div", "curve") == 3  # two doses, and loss against lag
    assert page.count("span", "point") == 4 + 3 + 4
    assert page.count("span", "whisker") == 3
    marks = [attrs["style"] for tag, attrs in page.elements if tag == "b" and "top:" in (attrs.get("style") or "")]
    assert marks == ["top:3px"] * 2  # each number once, on the first picture


def test_an_incident_without_labels_says_nothing_of_cost():
    data = everything_data()
    bare = replace(FIRST, loss={}, causes=(replace(FIRST.causes[0], loss=None),), examples=(), mean_delta=None)
    text = Page(render_html(replace(data, summary=replace(data.summary, incidents=(bare,))))).text
    assert "Cost during the incident" not in text
    assert "rows to look at" not in text
    assert "Mean difference +0" not in text


def test_sections_are_left_out_where_there_is_nothing():
    page = Page(render_html(sample.bare_data()))
    assert [attrs["id"] for tag, attrs in page.elements if tag == "section"] == [
        "variants",
        "rows",
        "seconds",
        "checkpoints",
        "about",
    ]


def test_rows_that_are_nowhere_are_shouted():
    described = sample.summary(sample.clean_data().summary.variants, reconciliation=Reconciliation(1_000, 0, {}, 990))
    page = Page(render_html(ReportData(described)))
    assert "10 of them are unaccounted for: the run is at fault." in page.text


def test_gates_show_what_was_measured():
    gates = (
        GateVerdict("prod", "online", "mismatch_rate", 0.0216, "failed", max=0.001),
        GateVerdict("prod", None, "auc", None, "undecided", min=0.7, reason="12 rows, fewer than 10,000"),
    )
    page = Page(render_html(ReportData(sample.summary(sample.burst_data().summary.variants, gates=gates))))
    assert "prod against online: mismatch_rate ≤ 0.001 0.0216 failed" in page.text
    assert "prod: auc ≥ 0.7" in page.text
    assert "undecided 12 rows, fewer than 10,000" in page.text


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'</script><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "</style></title><!--",
    "a&amp;b\u2028\u202e",
)


def hostile_incident(text: str) -> Incident:
    cause = Cause(
        "null_features",
        0.9,
        9,
        families=(text,),
        features=(text,),
        equivalent=(text,),
        equivalents=(
            Equivalent(text, "same_to_model", instead=text),
            Equivalent(text, "same_on_rows", told_apart_by=text),
        ),
        share=0.9,
        command=text,
    )
    unexplained = Cause("unexplained", None, 0, share=0.1, text=text)
    other = Cause("splice", 0.0, 9, checkpoints={text: text})
    row = IncidentRow({text: text}, sample.START, 0.1, 0.2, text)
    return replace(FIRST, segments={text: text}, causes=(cause, unexplained), ruled_out=(other,), examples=(row,))


def hostile_matrix(text: str) -> SkewMatrix:
    found = matrix(2)
    names = {"v1": text, "v2": f"{text}2"}
    cells = tuple(
        replace(
            cell,
            modules={f"{text}{module}": names[version] for module, version in cell.modules.items()},
            variant=text,
            consistent=text,
        )
        for cell in found.cells
    )
    modules = {f"{text}{module}": tuple(names.values()) for module in found.modules}
    return replace(
        found, modules=modules, cells=cells, losses=tuple(replace(one, variant=text) for one in found.losses)
    )


def hostile_data(text: str) -> ReportData:
    row = replace(
        sample.worst_rows("prod", 1)[0],
        key={text: text},
        features={text: text, "list": [text, None], "map": {text: text}},
        command=f"replay row x --key a={text}",
    )
    found = sample.variant(sample.comparison(200, 100))
    variants = {"prod": found, text: found}
    rows = [
        *sample.bucket_rows("prod", [10] * 20, [5] * 20),
        *sample.bucket_rows(text, [10] * 20, [5] * 20),
        *(metric("prod", "mismatch_rate", 0.5, 10, where=f"{segment}={text}") for segment in ("s", text)),
        metric("prod", "auc", None, 10, against=None, where=f"s={text}", reason=text),
    ]
    described = sample.summary(
        variants,
        warnings=(text,),
        output=text,
        noise_floor=NoiseFloorSummary(1e-7, 1e-6, transform=text),
        incidents=(hostile_incident(text),),
        skew_matrix=hostile_matrix(text),
        sensitivity=(FamilyEffect(text, text, "auc_drop", 0.1, 0.05, 0.2),),
        run_id=text,
        gates=(GateVerdict(text, "online", text, None, "undecided", reason=text),),
        reconciliation=Reconciliation(10, 0, {text: 1}, 9),
        checkpoints={text: replace(sample.checkpoint("prod"), path=text, format=text, sha256=text, notes=(text,))},
    )
    return ReportData(described, tuple(rows), (row, replace(row, variant=text)))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_or_value_becomes_markup(text):
    harmless, page = Page(render_html(hostile_data("harmless"))), Page(render_html(hostile_data(text)))
    assert page.wrong == []
    assert Counter(tag for tag, _ in page.elements) == Counter(tag for tag, _ in harmless.elements)
    assert {name for _, attrs in page.elements for name in attrs} == {
        name for _, attrs in harmless.elements for name in attrs
    }
    assert sum(printable(text) in found for found in page.texts) >= 15
    assert "49" not in [found.strip() for found in page.texts]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_leaves_the_json_block(text):
    page = Page(render_html(hostile_data(text)))
    assert len(page.scripts) == 2
    hover = json.loads(page.scripts[0])
    assert f"{text}: differ" in [label for label, _ in hover["lines"][0]]


def test_it_renders_alike_each_time():
    assert render_html(sample.burst_data()) == render_html(sample.burst_data())


def test_it_needs_neither_spark_nor_torch_and_works_from_a_zip(tmp_path):
    """Spark ships the package to workers and clusters as a zip."""
    package = Path(replay.__file__).parent
    archive = tmp_path / "replay.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for folder in ("report", "diagnosis", "diff", "config", "metrics", "errors", "files"):
            for path in sorted((package / folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    target.write(path, path.relative_to(package.parent))
        for name in ("__init__.py", "registry.py", "version.py"):
            target.write(package / name, f"replay/{name}")
    data = tmp_path / "report.json"
    data.write_text(sample.burst_data().to_json())
    code = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(archive)!r})\n"
        "from replay.report.summary.data import ReportData\n"
        "from replay.report.html.render import render_html\n"
        "from replay.report.summary import schema\n"
        "from replay.report.terminal import progress, render\n"
        f"text = render_html(ReportData.from_json(Path({str(data)!r}).read_text()))\n"
        "assert not {'pyspark', 'torch'} & set(sys.modules), 'imported'\n"
        "assert '.zip' in progress.__file__\n"
        "sys.stdout.write(str(len(text)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert int(done.stdout) == len(render_html(sample.burst_data()))


def test_a_page_holds_no_control_character():
    """Whatever the traffic, a segment or a warning is called."""
    data = sample.burst_data()
    summary = replace(data.summary, warnings=("a\x1b[2J\x07b\ud800<b>",), output="out\x1b[1m")
    rendered = render_html(replace(data, summary=summary))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", rendered)
    assert r"a\x1b[2J\x07b\ud800&lt;b&gt;" in rendered
