"""The table of a catalogue: its bytes -> rows of strings, each with a valid, unique posting_id; clean cells.

Broken rows are quarantined one by one; what makes the table as a whole unusable is refused.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from samesku.catalogue import quarantine as q
from samesku.catalogue.column_guess import fold_name
from samesku.catalogue.columns import check_columns, count_known, match_columns
from samesku.catalogue.further import SEPARATOR, FurtherPicture, find_picture_columns, split_names
from samesku.catalogue.picture import is_flat, is_hash
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.raw_table import RawTable
from samesku.catalogue.table import open_table
from samesku.catalogue.titles import normalise_title
from samesku.errors import InputError


class Row(NamedTuple):
    """A row of the table, then a listing: `row` is its number, from 0, header and blank lines not counted.

    "" where a cell is empty or the table has no such column. Bytes that are not UTF-8 are surrogates, one
    each. `source` is the shop; `brand` to `category` are attributes, as they stand in the table, without outer
    white space. `has_image`, `further` and `contents` (digests) are known once the pictures have been stored; then
    `image` is the first one that can be used. `pictures` are the names of all, where there are several.
    """

    row: int
    posting_id: str
    title: str = ""
    image: str = ""
    image_phash: str = ""
    label_group: str = ""
    split: str = ""
    source: str = ""
    brand: str = ""
    price: str = ""
    gtin: str = ""
    mpn: str = ""
    category: str = ""
    has_image: bool = False
    pictures: tuple[str, ...] = ()
    further: tuple[FurtherPicture, ...] = ()
    contents: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all pictures, also of those that cannot be used."""
        return self.pictures or (self.image,)

    @property
    def files(self) -> tuple[str, ...]:
        """What two listings with one picture file share: its name, or the content of a copy under another name."""
        return (*self.names, *self.contents)

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hashes of all pictures."""
        return (self.image_phash, *(picture.image_phash for picture in self.further))


COLUMNS = Row._fields[1 : Row._fields.index("has_image")]
#: Optional columns that say something of the product: evidence of the pair model, and shown to people.
ATTRIBUTES = ("brand", "price", "gtin", "mpn", "category")
_AS_THEY_STAND = ("title", "image", "image_phash")
#: What Excel writes for a long number: 8.99123E+12.
_ROUNDED = re.compile(r"\d\.\d+E\+\d+")
#: What databases, spreadsheets and pandas write where there is nothing.
_NOTHING = (
    r"nan null none nil na n/a n.a. #n/a #ref! #value! #name? #div/0! <na> (null) \n nat undefined - --"
)
_NO_VALUE = frozenset(_NOTHING.split())


@dataclass(frozen=True)
class Table:
    """A catalogue's readable rows, ordered by posting_id.

    Attributes:
        columns: those of COLUMNS that the table has. names: its header. total: how many rows it has, without those
            that give another row its further pictures. notes: what was taken for granted, in a sentence each.
    """

    rows: list[Row]
    columns: frozenset[str]
    names: list[str]
    total: int
    notes: list[str]


def read_table(
    data: bytes,
    quarantine: Quarantine,
    columns: Mapping[Any, str] | None = None,
    encoding: str | None = None,
    *,
    optional: bool = False,
) -> Table:
    """Read a table: CSV, TSV, Parquet, JSON Lines or Excel, in the encodings and dialects of `open_table`.

    Titles, names and hashes are given as they stand; the other columns without outer white space. A cell that says
    that there is none ("nan", "NULL") is empty.

    Args:
        columns: data.columns, ours to theirs. encoding: data.encoding. optional: as of `match_columns`.

    Raises:
        InputError: not such a table, no rows, a column twice, no posting_id, or no title, image and image_phash.
    """
    columns = columns or {}
    raw = open_table(data, lambda names: count_known(names, COLUMNS, columns), encoding)
    places, notes = match_columns(raw.names, COLUMNS, columns, optional=optional)
    image_places = find_picture_columns([fold_name(name) for name in raw.names])
    if image_places:
        places.setdefault("image", image_places[0])
    check_columns(raw.names, places, raw.kind)
    width = len(raw.names)
    cell_of = [places.get(column, width) for column in COLUMNS]
    needed = max(places.get(column, 0) for column in ("posting_id", "title", "image"))
    no_value: Counter[tuple[str, str]] = Counter()
    rows = []
    number = -1
    for number, record in enumerate(check_records(raw, needed)):
        if isinstance(record, str):
            quarantine.add(number, "", "", record)
            continue
        cells = [*record, ""]
        ours: list[Any] = [cells[place] for place in cell_of]
        row = _clean_cells(Row(number, *ours), no_value)
        further = [
            name
            for name in (cells[place] for place in image_places)
            if name.strip() and not says_nothing(name)
        ]
        if further:
            row = row._replace(image=SEPARATOR.join([row.image, *further]))
        if fault := id_fault(row.posting_id):
            quarantine.add(number, row.posting_id, row.image, fault)
        else:
            rows.append(row)
    if number < 0:
        raise InputError(
            f"data.csv has a header and no rows with a value (read as {raw.kind}); allowed: at least one listing"
        )
    if no_value:
        cells_of = ", ".join(f"{n} × {text!r} of {column}" for (column, text), n in sorted(no_value.items()))
        notes.append(f"data.csv has cells that say that there is nothing, and are taken as empty: {cells_of}")
    unique, joined = _unique(rows, quarantine)
    if joined:
        notes.append(
            f"data.csv has {joined} rows that differ from another in its picture alone: taken as its pictures"
        )
    rows = [split_pictures(row) for row in sorted(unique, key=lambda row: row.posting_id)]
    return Table(rows, frozenset(places), raw.names, number + 1 - joined, raw.notes + notes)


def split_pictures(row: Row) -> Row:
    """The row with the first of its pictures as `image`, and all of them as `pictures` where there are several."""
    names = split_names(row.image)
    return row._replace(image=names[0], pictures=names if len(names) > 1 else ())


def check_records(raw: RawTable, needed: int) -> Iterator[list[str] | str]:
    """The rows of a table without blank lines, each as the cells of all columns, or as the reason why it has none.

    Args:
        needed: the last column that each row must have.
    """
    width = len(raw.names)
    after_part = False
    for record in raw.records:
        if not any(map(str.strip, record)):
            continue  # a blank line
        if isinstance(record, str):
            yield record
            after_part = False
            continue
        # Excel leaves out delimiters after the last cell that is not empty. A line without its title or picture, and
        # what follows it, are parts of a row that was torn by a line break.
        after_part = len(record) < width and (len(record) <= needed or after_part)
        if after_part or any(record[width:]):
            yield q.ROW_CELLS
        else:
            yield [*record[:width], *[""] * (width - len(record))]


def unwrap_cell(cell: str) -> str:
    """A cell without Excel's marks of a text, as in ="00123"."""
    return cell[2:-1] if cell.startswith('="') and cell.endswith('"') else cell


def says_nothing(cell: str) -> bool:
    """Whether a cell is a word for an empty one, such as NULL."""
    return cell.strip().casefold() in _NO_VALUE


def _clean_cells(row: Row, no_value: Counter[tuple[str, str]]) -> Row:
    """The row with plain cells, where words for nothing are empty; `no_value` counts them by column and word."""
    changed: dict[str, Any] = {}
    for column in COLUMNS:
        cell = getattr(row, column)
        if not cell:
            continue
        clean = unwrap_cell(cell)
        if column == "posting_id":
            clean = clean.strip()
        elif column not in _AS_THEY_STAND:
            clean = _plain(clean)
        if column != "posting_id" and says_nothing(clean):
            no_value[column, clean.strip()] += 1
            clean = ""
        if clean != cell:
            changed[column] = clean
    return row._replace(**changed) if changed else row


def id_fault(posting_id: str) -> str | None:
    """Why an id cannot stand in submission.csv, where ids are joined by spaces; None where it can."""
    if not posting_id:
        return q.ID_EMPTY
    if any(c in ",;\"'" or unicodedata.category(c)[0] in "CZ" for c in posting_id):
        return q.ID_UNSAFE
    return q.ID_FORMULA if posting_id[0] in q.FORMULA else None


def _unique(rows: list[Row], quarantine: Quarantine) -> tuple[list[Row], int]:
    """One row for each id, and how many rows gave another one their picture.

    Of rows that agree in every column the first counts. Rows that differ in their pictures alone, or have nothing else,
    are one listing with several pictures, named with | between them. Of others none can be believed.
    """
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row.posting_id, []).append(row)
    unique = []
    joined = 0
    for posting_id, same in by_id.items():
        first, *further = same
        if all(row[1:] == first[1:] for row in further):
            unique.append(first)
            repeated = [(row, q.ID_REPEATED) for row in further]
        elif merged := _join_pictures(same):
            unique.append(merged)
            joined += len(further)
            repeated = []
        else:
            repeated = [
                (row, q.ID_ROUNDED if _ROUNDED.fullmatch(posting_id) else q.ID_CONFLICT) for row in same
            ]
        for row, reason in repeated:
            quarantine.add(row.row, row.posting_id, row.image, reason)
    return unique, joined


def _join_pictures(rows: list[Row]) -> Row | None:
    """The rows of one id as one, with all their pictures; None where they differ in anything else."""
    cells: dict[str, Any] = {}
    for column in COLUMNS:
        values = list(dict.fromkeys(filter(None, (getattr(row, column) for row in rows))))
        if column == "image":
            cells[column] = SEPARATOR.join(values)
        elif len(values) > 1 and (column != "image_phash" or SEPARATOR not in cells["image"]):
            return None  # (the hash is that of the first picture)
        else:
            cells[column] = values[0] if values else ""
    return rows[0]._replace(**cells)


def _plain(cell: str) -> str:
    """Without outer white space; stray bytes escaped, so that equal bytes stay one label."""
    return cell.strip().encode("utf-8", "backslashreplace").decode("utf-8")


def clean_row(row: Row, has_title: bool, quarantine: Quarantine) -> Row:
    """The row with its title normalised, and its hash as 16 lower-case hex digits; "" where there is none.

    Args:
        has_title: whether the table has that column; where it has not, its absence is no fault of the row.
    """

    def add(reason: str) -> None:
        quarantine.add(row.row, row.posting_id, row.image, reason)

    title = normalise_title(row.title)
    if any("\udc80" <= c <= "\udcff" for c in row.title):
        add(q.TITLE_BYTES)
    if not title and has_title:
        add(q.TITLE_EMPTY)
    phash = row.image_phash.strip().lower()
    if phash and not is_hash(phash):
        add(q.HASH_BAD)
    elif is_flat(phash):
        add(q.HASH_FLAT)
    return row._replace(title=title, image_phash=phash if is_hash(phash) and not is_flat(phash) else "")
