"""The table of systems; the README has the one of the metrics files."""

import json

from samesku.app.text import systems_table
from tests.conftest import ROOT


def test_rows_are_lowest_first_and_cells_of_skipped_systems_are_empty(tmp_path):
    (tmp_path / "compare").mkdir()
    for name, content in {
        "samesku": {"val": {"f1": 0.5}, "test": {"f1": 0.75, "micro_f1": 0.5}, "test_full": {"f1": 0.25}},
        "compare/worse": {"test": {"f1": 0.5}},
        "compare/skipped": {"skipped": 1},
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert systems_table(tmp_path).splitlines()[2:] == [
        "| skipped |  |  |  |  |",
        "| worse |  | 0.5000 |  |  |",
        "| samesku | 0.5000 | 0.7500 | 0.5000 | 0.2500 |",
    ]


def test_the_readme_shows_the_table_of_the_last_run():
    assert systems_table(ROOT / "metrics") in (ROOT / "README.md").read_text("utf-8")
