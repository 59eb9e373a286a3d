"""The keys of tune, rerank, groups and index.blend: what is out of range or said twice is refused."""

import pytest
from pydantic import ValidationError

from samesku.params.rerank import Blend, Groups, Rerank, Tune

MIX = {"alpha": 0.5, "image": {"phash": 1.0}, "title": {"sbert": 1.0}}


@pytest.mark.parametrize(
    ("model", "content", "says"),
    [
        (Blend, {"steps": -1}, "greater than or equal to 0"),
        (Blend, {"threshold": 1.5}, "less than or equal to 1"),
        (Tune, {"image": [], "title": ["sbert"]}, "at least 1 item"),
        (Tune, {"image": ["phash"], "title": ["sbert", "phash"]}, "names a channel twice"),
        (Rerank, {"fusion": MIX, "k": 0}, "greater than or equal to 1"),
        (Rerank, {"fusion": MIX, "trees": 3}, "Extra inputs"),
        (Rerank, {"fusion": MIX, "model": {"folds": 1}}, "greater than or equal to 2"),
        (Rerank, {"fusion": MIX, "model": {"negatives": 0.0}}, "greater than 0"),
        (Rerank, {"fusion": MIX | {"image": {"phash": 0.0}}}, "image weights are all zero"),
        (Rerank, {"fusion": MIX | {"title": {}}}, "title weights are all zero"),
        (Groups, {"share": 1.2}, "less than or equal to 1"),
        (Groups, {"cap": 0}, "greater than or equal to 1"),
    ],
)
def test_refused(model, content, says):
    with pytest.raises(ValidationError, match=says):
        model.model_validate(content)


def test_a_side_without_weight_goes_where_alpha_leaves_it_out():
    assert Rerank.model_validate({"fusion": MIX | {"alpha": 0.0, "image": {"phash": 0.0}}}).fusion.alpha == 0
