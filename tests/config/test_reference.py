"""docs/config.md has every key, as the code has it, and its examples load."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from replay.config import OPS, TRANSFORMS, DiagnosisConfig, ReplayConfig, build_config
from replay.config.reference import fill_tables
from replay.config.sections.base import Section
from replay.config.shape import all_sections, keys_of

FILE = Path(__file__).parents[2] / "docs" / "config.md"
TEXT = FILE.read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)]
WHOLE = EXAMPLES[0]


def test_the_tables_are_up_to_date():
    assert fill_tables(TEXT) == TEXT, "run `make schemas`"


def test_the_module_writes_the_file(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(re.sub(r"^\| `.*\n", "", TEXT, flags=re.MULTILINE), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "replay.config.reference", str(page)], check=True)
    assert page.read_text(encoding="utf-8").count("\n| `key` |") == TEXT.count("\n| `key` |")


PAGE = """\
## Cut
<!-- keys of Sample -->
old
<!-- end of keys -->
### Agreement, in `diff`
<!-- keys of Tolerance -->
<!-- end of keys -->
## Comparing
<!-- keys of DiffConfig -->
<!-- end of keys -->
"""


def test_a_page_by_hand():
    assert fill_tables(PAGE) == (
        "## Cut\n"
        "<!-- keys of Sample -->\n\n"
        "| key | type | default | meaning |\n"
        "|---|---|---|---|\n"
        "| `rate` | number > 0, ≤ 1 | required | Share of the distinct values of `by` that are kept. |\n"
        "| `by` | name or list of names | `[]` | Columns hashed together; default: the key. |\n\n"
        "<!-- end of keys -->\n"
        "### Agreement, in `diff`\n"
        "<!-- keys of Tolerance -->\n\n"
        "| key | type | default | meaning |\n"
        "|---|---|---|---|\n"
        "| `abs` | number ≥ 0 | `1.0e-06` | The part that does not depend on the score. |\n"
        "| `rel` | number ≥ 0 | `1.0e-05` | The part that grows with the online score. |\n\n"
        "<!-- end of keys -->\n"
        "## Comparing\n"
        "<!-- keys of DiffConfig -->\n\n"
        "| key | type | default | meaning |\n"
        "|---|---|---|---|\n"
        "| `tolerance` | [Agreement, in `diff`](#agreement-in-diff) or `auto` | `{abs: 1.0e-06, rel: 1.0e-05}` | "
        "When a replayed score agrees with the online one: `\\|replayed - online\\| <= abs + rel * \\|online\\|`. "
        "`auto`: the measured noise floor. |\n"
        "| `bucket` | duration | `1min` | Width of the time buckets by which differences are reported; they are "
        "aligned to 1970-01-01T00:00:00Z. |\n"
        "| `worst_rows` | whole number ≥ 0 | `100` | Rows of each variant that the table `diffs` keeps, the worst "
        "first. |\n\n"
        "<!-- end of keys -->\n"
    )


def test_every_section_has_its_table():
    described = re.findall(r"<!-- keys of (\w+) -->", TEXT)
    assert sorted(described) == sorted({section.__name__ for _, section in all_sections()})


def test_every_key_says_what_it_is_for():
    assert re.findall(r"^\| `.*\|  \|$", TEXT, re.MULTILINE) == []


def test_links_lead_to_headings():
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    anchors = {"#" + re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\((#[^)]+)\)", TEXT)) <= anchors


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: next(iter(example)))
def test_every_example_loads(example):
    config = build_config({**WHOLE, **example})
    assert Path(config.output).is_relative_to(Path("out").absolute())


def test_every_section_is_in_an_example():
    shown = {type(part) for example in EXAMPLES for part in parts(build_config({**WHOLE, **example}))}
    assert {section for _, section in all_sections()} <= shown


def parts(value):
    """The sections of a config that a file gave."""
    if isinstance(value, Section):
        yield value
        yield from (part for key in value.model_fields_set for part in parts(getattr(value, key)))
    elif isinstance(value, dict):
        yield from (part for entry in value.values() for part in parts(entry))
    elif isinstance(value, tuple):
        yield from (part for entry in value for part in parts(entry))


def test_the_robustness_gate():
    config = build_config(WHOLE)
    assert [gate.variant for gate in config.gates] == ["prod_bf16", "prod/counts_dose@1"]


def test_the_whole_file_names_every_required_key():
    required = {name for name, info in ReplayConfig.model_fields.items() if info.is_required()}
    assert required <= set(WHOLE)


def test_every_perturbation_is_in_the_table():
    table = TEXT[TEXT.index("<!-- ops -->") : TEXT.index("<!-- end of ops -->")]
    names = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert names == ["op", *OPS]
    assert {key for op in OPS.values() for key in op.fields_by_key()} <= set(re.findall(r"`(\w+)`", table))


def test_transforms_by_hand():
    rows = fill_tables("<!-- transforms -->\n<!-- end of transforms -->\n").splitlines()
    assert rows[2:5] == [
        "| `op` | arguments | meaning |",
        "|---|---|---|",
        "| `log1p` |  | The natural logarithm of 1 + x; of less than -1 it is NaN, of -1 minus infinity. |",
    ]
    starts = {row.split(" | ")[0]: row.split(" | ")[1] for row in rows if row.startswith("| `")}
    assert starts["| `clip`"] == "`min` or `max`, or both"
    assert starts["| `bucketize`"] == "`edges`, `right` (optional)"
    assert [name.strip("| `") for name in starts] == ["op", *TRANSFORMS]


def test_perturbations_by_hand():
    rows = fill_tables("<!-- ops -->\n<!-- end of ops -->\n").splitlines()
    assert rows[2:4] == ["| `op` | arguments | meaning |", "|---|---|---|"]
    assert "| `nulls` |  | Every touched value becomes null; a whole list is null, not its elements. |" in rows
    starts = {row.split(" | ")[0]: row.split(" | ")[1] for row in rows if row.startswith("| `")}
    assert starts["| `noise`"] == "`std` or `relative_std`"
    assert starts["| `clip`"] == "`min` or `max`, or both"
    assert starts["| `constant`"] == "`value`"
    assert starts["| `bitflip`"] == "`bits` (optional)"


def test_the_skew_matrix():
    (example,) = [example for example in EXAMPLES if "skew_matrix" in example]
    assert "query_tower.v1+item_tower.v2" in build_config({**WHOLE, **example}).all_checkpoints


def test_the_example_of_a_diagnosis_shows_the_defaults():
    (example,) = [example for example in EXAMPLES if "diagnosis" in example]
    assert set(example["diagnosis"]) == set(keys_of(DiagnosisConfig))
    assert build_config({**WHOLE, **example}).diagnosis == DiagnosisConfig()
