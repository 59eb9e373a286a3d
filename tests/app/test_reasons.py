"""The reasons of the pair model: no reason names what one of the two listings lacks."""

from math import nan

import pytest

from samesku.app.query_listing import QueryListing
from samesku.app.reasons import rank_reasons
from samesku.params import load_params
from tests.conftest import ROOT

MOVES = {
    "base": -3.0, "pxk_image": -0.5, "phash": -0.25, "picture": 0.125, "sbert": 1.0, "words": 2.0,
    "brand": 0.5, "mpn": 0.0625,
}  # fmt: skip
PICTURES, TITLES = {"pxk_image": 0.5, "phash": 1.0}, {"sbert": 0.75}
TITLE = QueryListing("oil 250 ml", None, "")
NO_TITLE = QueryListing("", None, "")
BRAND = QueryListing("oil 250 ml", None, "", attributes={"brand": "Acme"})
MPN = QueryListing("oil 250 ml", None, "", attributes={"mpn": "AB-1234"})


@pytest.mark.parametrize(
    ("cosines", "left", "right", "reasons"),
    [
        # Neither has a picture: what the two channels and their files moved is one reason, with the attributes.
        (
            {"pxk_image": nan, "phash": nan} | TITLES,
            TITLE,
            TITLE,
            [["base", -3.0], ["words", 2.0], ["sbert", 1.0], ["missing", -0.06]],
        ),
        # One has no hash: the pictures are still compared.
        (
            {"pxk_image": 0.5, "phash": nan} | TITLES,
            BRAND,
            BRAND,
            [
                ["base", -3.0],
                ["words", 2.0],
                ["sbert", 1.0],
                ["pxk_image", -0.5],
                ["brand", 0.5],
                ["missing", -0.19],
                ["picture", 0.12],
            ],
        ),
        # A part number may stand in the title of the other; a brand is compared with a brand alone.
        (
            PICTURES | {"sbert": nan},
            MPN,
            NO_TITLE,
            [
                ["base", -3.0],
                ["missing", 3.5],
                ["pxk_image", -0.5],
                ["phash", -0.25],
                ["picture", 0.12],
                ["mpn", 0.06],
            ],
        ),
    ],
)
def test_what_one_of_the_two_lacks_is_one_reason(cosines, left, right, reasons):
    params = load_params(ROOT / "params.yaml")
    assert rank_reasons(MOVES, cosines, left, right, params) == reasons


def test_a_system_without_a_pair_model_has_no_reasons():
    assert rank_reasons({}, PICTURES | TITLES, TITLE, TITLE, load_params(ROOT / "params.yaml")) == []
