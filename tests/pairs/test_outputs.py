"""What the pair model adds to a system's outs, on four listings: review.parquet and figures by hand."""

import numpy as np
import pytest

from samesku.catalogue.listings import Links, Listings
from samesku.pairs.candidates import Candidates
from samesku.pairs.clerical_review import ReviewThresholds
from samesku.pairs.feature_blocks import PairFeatures
from samesku.pairs.outputs import RerankedGallery, review_columns, review_galleries
from samesku.pairs.pair_model import PairScores
from samesku.search.fusion import UNREACHABLE

# rows 0 and 1 are product 0 of val, 2 is product 1 of val, 3 is product 2 of test
LISTINGS = Listings(
    posting_id=np.array(["a", "b", "c", "d"], dtype=object),
    product=np.array([0, 0, 1, 2], np.int32),
    component=np.array([0, 0, 1, 2], np.int32),
    split=np.array(["val", "val", "val", "test"]),
)
PROBABILITY = np.array([0.9, 0.4, 0.6, 0.1])  # of a–b, a–c, b–c, c–d


@pytest.fixture
def gallery():
    candidates = Candidates(
        np.arange(4, dtype=np.int32), np.array([0, 0, 1, 2], np.int32), np.array([1, 2, 2, 3], np.int32)
    )
    scores = PairScores(PROBABILITY, np.zeros(4), np.zeros(4), np.ones((4, 2), bool))
    return RerankedGallery([PairFeatures(candidates, [])], [scores], model=None)


def test_pairs_to_review_are_listed_the_most_probable_first(gallery):
    columns = review_columns(gallery, LISTINGS, ReviewThresholds(accept=0.8, reject=0.3), Links())
    assert list(zip(columns["left"], columns["right"], strict=True)) == [("b", "c"), ("a", "c")]
    assert columns["probability"] == pytest.approx([0.6, 0.4])


def test_annotated_pairs_to_review_are_marked(gallery):
    # a is b, and b is not c: a is not c either
    links = Links(np.array([[0, 1]], np.int32), np.array([[1, 2]], np.int32))
    columns = review_columns(gallery, LISTINGS, ReviewThresholds(accept=0.8, reject=0.05), links)
    assert list(zip(columns["left"], columns["right"], columns["annotation"], strict=True)) == [
        ("b", "c", "different"),
        ("a", "c", "different"),
        ("c", "d", ""),
    ]


def test_a_pair_counts_once_for_each_of_its_queries(gallery):
    thresholds, figures = review_galleries({"full": gallery}, LISTINGS, precision=0.5, missed=0.0)
    figures = figures["full"]
    # In val a–b, a–c and b–c count twice, c–d once: 7 in all, of which the 2 of a–b are true. They are of one
    # component, which a quarter of the resamples lack: no threshold reaches the precision.
    assert thresholds == {"full": ReviewThresholds(accept=UNREACHABLE, reject=0.9)}
    assert figures["reject"] == 0.9
    review, reject = figures["val"]["review"], figures["val"]["reject"]
    assert review == {"pairs": 2, "share": round(2 / 7, 6), "precision": 1.0, "recall": 1.0}
    assert reject == {"pairs": 5, "share": round(5 / 7, 6), "precision": 0.0, "recall": 0.0}
    # In test d has the candidate c, of another product, and no relevant listing.
    assert figures["test"]["reject"] == {"pairs": 1, "share": 1.0, "precision": 0.0, "recall": 0.0}
    assert figures["test"]["calibration_error"] == pytest.approx(0.1)
