"""The names of systems on the pages."""

import pytest

from samesku.app.summary import describe_quality
from samesku.app.system_names import name_system, name_systems
from samesku.params import list_systems, parse_params, read_params
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def params():
    return parse_params(read_params(ROOT / "params.yaml"))


def test_every_system_that_has_pages_has_a_name_of_its_own(params):
    names = name_systems(params)
    assert set(names) == {*list_systems(params)} - {"self_only"}
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize(
    ("system", "name"),
    [
        ("samesku", "the main system (samesku)"),
        ("rerank", "the pair model (rerank)"),
        ("attention", "weights learned by attention (attention)"),
        ("phash", "exact picture alone (phash)"),
        ("siamese", "picture (trained) alone (siamese)"),
        ("title_only_dynamic", "meaning of the title alone, a threshold for each query (title_only_dynamic)"),
        ("samesku_zero_shot", "picture, exact picture, meaning of the title and words (samesku_zero_shot)"),
        ("removed", "removed"),
    ],
)
def test_a_name_says_what_a_system_looks_at(params, system, name):
    assert name_system(system, params) == name


def test_the_quality_is_said_in_sentences_for_newcomers(params):
    figures = {"f1": 0.85, "f1_low": 0.8, "f1_high": 0.9, "queries": 400, "gallery": 3000, "self_only": 0.5}
    rivals = [
        {"name": name, "test_full": {"f1": f1}}
        for name, f1 in (("tuned", 0.7), ("samesku", 0.6), ("rerank", 0.85))
    ]
    assert describe_quality("rerank", {"test_full": figures}, rivals, params) == (
        "The matches of the pair model (rerank) have an F1 of 0.850 (95% interval: 0.800 to 0.900): the mean over 400 "
        "test queries, each searched among all 3,000 listings. F1 is 1 where every match is right and none is missed; "
        "with nothing matched, it would be 0.500. The next best system is tuned weights (tuned), with 0.700."
    )
    better = [{"name": "tuned", "test_full": {"f1": 0.86}}]
    assert "The best system is tuned weights (tuned), with 0.860." in describe_quality(
        "rerank", {"test_full": figures}, better, params
    )
    assert describe_quality("rerank", {}, rivals, params).startswith("No test listing has a label")
