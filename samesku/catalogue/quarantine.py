"""What was wrong with which row: the reasons, and the list that becomes quarantine.csv.

A reason that begins with `row` or `posting_id` takes the whole row out; the others drop one modality, or only
say what was left out of it. The reasons are few and fixed, so that they can be counted.
"""

import re
from collections import Counter
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

from samesku.artefacts import write_csv
from samesku.errors import InputError

ROW_CELLS = "row: more or fewer cells than the header"
ROW_QUOTES = "row: broken quotes"
ROW_JSON = "row: no JSON object"
ROW_NOTHING = "row: no title, no picture and no hash is left"
ID_EMPTY = "posting_id: empty"
ID_UNSAFE = (
    "posting_id: holds a space, comma, semicolon, quote, control character or non-UTF-8 byte; replace it"
)
ID_FORMULA = "posting_id: begins like a spreadsheet formula"
ID_REPEATED = "posting_id: repeats an equal row"
ID_CONFLICT = "posting_id: stands on rows that differ"
ID_ROUNDED = "posting_id: stands on rows that differ, for a spreadsheet rounded it; export ids as text"
TITLE_EMPTY = "title: empty"
TITLE_BYTES = "title: bytes that are not UTF-8 were left out"
IMAGE_UNNAMED = "image: no name"
IMAGE_NAME = "image: a name that no file can have"
IMAGE_OUTSIDE = "image: leaves the picture folder"
IMAGE_MISSING = "image: missing"
IMAGE_ADDRESS = "image: an address (http), not the name of a file"
IMAGE_ENCRYPTED = "image: encrypted in the .zip"
IMAGE_LINK = "image: a symbolic link"
IMAGE_NO_FILE = "image: not a plain file"
IMAGE_UNREADABLE = "image: cannot be read"
IMAGE_EMPTY = "image: an empty file"
IMAGE_BYTES = "image: a file above 64 MB"
IMAGE_PIXELS = "image: more pixels than data.max_pixels"
IMAGE_NONE = "image: not a picture of a known format"
IMAGE_HEIC = "image: HEIC, which is not read; save it as JPEG"
IMAGE_DAMAGED = "image: truncated or damaged"
IMAGE_THIN = "image: too thin to pack"
IMAGE_CRASH = "image: crashes the decoder"
HASH_BAD = "image_phash: not 16 hex digits"
HASH_FLAT = "image_phash: of a flat picture, which every flat picture has"

#: Empty cells, which are listed and are no fault: a listing may lack its title or its picture.
EMPTY = (TITLE_EMPTY, IMAGE_UNNAMED)

#: What a spreadsheet takes for the beginning of a formula, the wide forms of Asian keyboards among it.
FORMULA = "=+-@＝＋－＠"


class Fault(Exception):
    """One of the reasons above, raised where a single cell or file is at fault."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Entry(NamedTuple):
    row: int
    posting_id: str
    file: str
    reason: str


class Quarantine:
    """Collects entries in any order; writes them by row, then reason."""

    def __init__(self) -> None:
        self.entries: set[Entry] = set()

    def add(self, row: int, posting_id: str, file: str, reason: str) -> None:
        self.entries.add(Entry(row, posting_id, file, reason))

    def rows(self) -> set[int]:
        """The rows with at least one entry."""
        return {entry.row for entry in self.entries}

    def by_reason(self, but: Container[str] = ()) -> str:
        """«12 × image: missing, 3 × title: empty», the commonest first, without the reasons `but`."""
        counts = Counter(entry.reason for entry in self.entries if entry.reason not in but)
        return ", ".join(
            f"{n} × {reason}" for reason, n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))
        )

    def share(self, *, total: int, readable: int, taken: int) -> float:
        """The share of rows at fault, 0 to 1, projected from the rows taken to all; EMPTY is no fault.

        Args:
            total: rows of the source.
            readable: those of them with a valid id; the others are all in quarantine.
            taken: those of the readable that were taken into the sample and checked further.
        """
        faulty = len({entry.row for entry in self.entries if entry.reason not in EMPTY}) - (total - readable)
        return round(1 - readable / total * (1 - faulty / max(taken, 1)), 9)  # 2 of 40 are 0.05, and no more

    def check_share(self, *, total: int, readable: int, taken: int, most: float, file: Path) -> None:
        """Refuse a catalogue of which too many rows have a fault.

        Args:
            most: the largest share of rows, 0 to 1. file: where all of them are listed. The others as `share`.

        Raises:
            InputError: the share is above `most`.
        """
        share = self.share(total=total, readable=readable, taken=taken)
        if share > most:
            raise InputError(
                f"{share:.1%} of the rows are at fault, above data.max_quarantined {most:g}: "
                f"{self.by_reason(EMPTY)}; {file} lists each; correct them, or raise data.max_quarantined"
            )

    def write(self, path: Path) -> None:
        """Write row,posting_id,file,reason; cells are made harmless to a spreadsheet."""
        rows = [
            entry._replace(posting_id=harmless(entry.posting_id), file=harmless(entry.file))._asdict()
            for entry in sorted(self.entries)
        ]
        write_csv(path, rows, Entry._fields)


#: Where a spreadsheet may see a cell begin: half of the world's take a semicolon for the delimiter.
_BEGINS = re.compile(rf"(^|;)(?=[{re.escape(FORMULA)}])")


def harmless(cell: str) -> str:
    """As `printable`, with a quote before what a spreadsheet would run."""
    return _BEGINS.sub(r"\1'", printable(cell))


def printable(text: str) -> str:
    """Control characters and stray bytes escaped: a terminal obeys none, and each can be written."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text
    )
