"""The rules of `match.rules`, as the catalogue's product numbers make them."""

from samesku.catalogue.attributes import read_gtins
from samesku.catalogue.listings import Listings
from samesku.evaluation.decisions import Rules
from samesku.params import Groups
from samesku.params.schema import Match


def read_rules(listings: Listings, match: Match, groups: Groups) -> Rules | None:
    """The rules of a catalogue; None where params.yaml has them off."""
    return Rules(read_gtins(listings.attribute("gtin")), groups.max_size) if match.rules else None
