"""Which column of a table is which of ours, guessed by the names that shops and product feeds give them."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from samesku.catalogue.quarantine import printable
from samesku.catalogue.titles import normalise_unicode
from samesku.errors import InputError

_LONGEST = 200  # characters of a header in a message
#: Usual names of our columns, folded. Our name itself comes first; names of one list are equally likely; a later
#: list counts only where the table has none of an earlier one.
USUAL_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "posting_id": (
        (
            *("id", "sku", "product_id", "offer_id", "item_id", "listing_id", "article_id", "asin"),
            *("product_code", "item_number", "article_number", "variant_sku", "handle"),
        ),
    ),
    "title": (
        ("name", "product_name", "product_title", "item_name", "listing_title", "offer_title"),
        ("description", "product_description"),
    ),
    "image": (
        (
            *("picture", "pictures", "picture_url", "photo", "photos", "photo_url", "img", "img_url"),
            *("image_link", "image_url", "image_src", "image_file", "image_name", "image_path", "images"),
            *("filename", "file_name", "file"),
        ),
    ),
    "image_phash": (("phash",),),
    "label_group": (("label", "label_id", "product_label"),),
    "split": (),
    "source": (
        ("shop", "store", "seller", "merchant", "retailer", "marketplace"),
        ("shop_name", "store_name", "seller_name", "merchant_name", "retailer_name"),
        ("shop_id", "store_id", "seller_id", "merchant_id"),
    ),
    "brand": (("brand_name", "manufacturer", "maker"),),
    "price": (("product_price", "offer_price", "unit_price", "variant_price"),),
    "gtin": (("ean", "upc", "barcode", "gtin13", "gtin_13", "ean13", "ean_13", "gtin14", "variant_barcode"),),
    "mpn": (("part_number", "manufacturer_part_number", "model_number"), ("model",)),
    "category": (
        ("product_type", "category_name", "product_category", "categories"),
        ("google_product_category",),
    ),
}


def fold_name(name: str) -> str:
    """A column's name as it is compared: `g:Image Link`, `imageLink` and `IMAGE-LINK` are image_link."""
    visible = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf") or c.isspace())
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", visible.strip().removeprefix("g:"))
    folded = normalise_unicode("NFKC", words.casefold())
    # A mark is a part of its letter, as in Thai.
    return "_".join(
        "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in folded).split()
    )


def usual_words() -> set[str]:
    """Our names of columns and the usual ones, folded."""
    return {name for ours, lists in USUAL_NAMES.items() for names in ((ours,), *lists) for name in names}


def guess_columns(names: Sequence[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our columns that a table has, in our order: ours to the table's name.

    Args:
        names: the table's header. given: columns that a person has named, ours to the table's; "" for none.

    Raises:
        InputError: two columns of the table may be one of ours, a given one is not there, or ours is none.
    """
    given = given or {}
    _check_given(names, given)
    folded: dict[str, list[str]] = {}
    for name in names:
        if name not in given.values():
            folded.setdefault(fold_name(name), []).append(name)
    guessed = {}
    for ours in USUAL_NAMES:
        if ours in given:
            if given[ours]:
                guessed[ours] = given[ours]
            continue
        for usual in ((ours,), *USUAL_NAMES[ours]):
            candidates = [name for one in usual for name in folded.get(one, [])]
            if len(set(candidates)) < len(candidates):
                raise InputError(
                    f"the table has the column {candidates[0]} twice; rename one of the two in the table"
                )
            if len(candidates) > 1:
                raise InputError(
                    f"{ours} may be {' or '.join(candidates)}; say which: --column {ours}={_quote(candidates[0])}"
                )
            if candidates:
                guessed[ours] = candidates[0]
                break
    return guessed


def show_names(names: Sequence[str]) -> str:
    """Names in one line for a person, without what a terminal would obey."""
    return printable(", ".join(name.strip() for name in names if name.strip())[:_LONGEST] or "none")


def describe_columns(guessed: Mapping[str, str], names: Collection[str]) -> str:
    """Which columns are taken for which, which of ours the table lacks, and which of its are not used; two lines."""
    taken = ", ".join(ours if ours == theirs else f"{ours} = {theirs}" for ours, theirs in guessed.items())
    missing = ", ".join(ours for ours in USUAL_NAMES if ours not in guessed)
    unused = ", ".join(name for name in names if name and name not in guessed.values())
    return f"columns: {printable(taken)}\nnot there: {missing or 'none'}; not used: {printable(unused) or 'none'}"


def check_guessed(
    table: Path, names: Sequence[str], guessed: Mapping[str, str], has_pictures: bool = False
) -> None:
    """Check that an id was recognised, and a title or a picture.

    Args:
        table: for the message. guessed: of `guess_columns`. has_pictures: whether pictures stand in further columns.

    Raises:
        InputError: it names all that is missing, and the options that give it.
    """
    missing = {}
    if "posting_id" not in guessed:
        missing["posting_id"] = "an id"
    if not ({"title", "image"} & guessed.keys() or has_pictures):
        missing["title"] = "a title or a picture"
    if missing:
        raise InputError(
            f"{table} has no column that looks like {', and none like '.join(missing.values())}; name yours: "
            f"{' '.join(f'--column {ours}=NAME' for ours in missing)} "
            f"(columns: {show_names(names)})"
        )


def parse_columns(options: Sequence[str]) -> dict[str, str]:
    """The values of --column OURS=THEIRS.

    Raises:
        InputError: one is written in another way, or names a column twice.
    """
    given: dict[str, str] = {}
    for option in options:
        ours, equals, theirs = option.partition("=")
        if not (ours and equals) or ours in given:
            raise InputError(
                f"--column {option}; allowed: one of ours, = and the table's name, as in posting_id=sku, each once"
            )
        given[ours] = theirs.strip()
    return given


def _check_given(names: Sequence[str], given: Mapping[str, str]) -> None:
    if unknown := [ours for ours in given if ours not in USUAL_NAMES]:
        raise InputError(
            f"there is no column {', '.join(unknown)} to name; allowed: {', '.join(USUAL_NAMES)}"
        )
    if missing := [theirs for theirs in given.values() if theirs and theirs not in names]:
        raise InputError(f"the table has no column {', '.join(missing)}; it has: {show_names(names)}")


def _quote(name: str) -> str:
    return name if re.fullmatch(r"[\w.-]+", name) else f"'{name}'"
