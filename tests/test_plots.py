"""`dvc plots show` and `dvc plots diff` draw their charts in a browser without a network."""

import re

import pytest
import yaml

from tests.conftest import ROOT
from tests.fixtures.small_pipeline import duplicate, dvc

pytestmark = pytest.mark.slow


N_CHARTS = len(yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["plots"])
#: The charts on a page that have been drawn.
DRAWN = """() => [...document.querySelectorAll(".vega-embed")].filter(
    (chart) => chart.querySelector("canvas.marks, svg.marks")?.clientHeight > 50).length"""


@pytest.fixture(scope="module")
def copy(pipeline, tmp_path_factory):
    return duplicate(pipeline, tmp_path_factory.mktemp("plots") / "samesku")


def wait_for_charts(page, file, faults):
    """Every chart is drawn, and nothing was asked of another host."""
    page.goto(file.as_uri())
    page.wait_for_function(f"({DRAWN})() === {N_CHARTS}")
    # DVC's chart templates name Vega 5, and zoom a chart of bars too: Vega warns of both, and draws them.
    faults[:] = [
        fault for fault in faults if not re.match("The compiled spec uses Vega v5|WARN Scale bindings", fault)
    ]


def test_the_template_names_no_other_host():
    text = (ROOT / ".dvc/plots.html").read_text("utf-8")
    assert not re.search(r"<(?:script|link)[^>]+(?:src|href)=", text)
    assert text.count("{plot_divs}") == 1
    assert "{scripts}" not in text  # DVC's own, from a CDN


def test_every_chart_is_shown(copy, page, faults):
    dvc(copy, "plots", "show", "-o", "plots_here")
    wait_for_charts(page, copy / "plots_here/index.html", faults)


def test_a_diff_shows_both_sides(copy, page, faults):
    curve = copy / "data/predictions/samesku/plots/threshold_static.csv"
    lines = curve.read_text().splitlines(keepends=True)
    curve.write_text("".join(lines[: len(lines) // 2]))  # as another run may leave it
    dvc(copy, "plots", "diff", "HEAD", "-o", "plots_diff")
    file = copy / "plots_diff/index.html"
    wait_for_charts(page, file, faults)
    assert {"HEAD", "workspace"} <= set(re.findall(r'"rev": "(\w+)"', file.read_text("utf-8")))
