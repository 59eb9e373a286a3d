"""A product feed as XML (RSS 2.0 or Atom with Google Merchant's `g:` names) -> its items, one at a time."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.parsers import expat

from samesku.catalogue.column_guess import fold_name
from samesku.errors import InputError

_BLOCK = (
    2**20
)  # bytes read at once; a tag or comment that goes on is read again from its start with each block
_LONGEST = 10_000_000  # characters of one item, bytes of one tag or comment

Record = dict[str, list[str]]


def read_items(path: Path) -> Iterator[Record]:
    """The items of a feed, each as the values of its elements by folded name; what lies deeper is left out.

    The file is read by blocks. `g:title` counts before `title`. Names are read without their namespace, so that a
    feed that does not declare it can be read too.

    Raises:
        InputError: it is no XML, declares entities, or has an item, tag or comment of more than 10 million characters.
    """
    parser = _Parser()
    with open_bytes(path) as file:
        try:
            while block := file.read(_BLOCK):
                parser.parse(block)
                yield from parser.take()
            parser.parse(b"", last=True)
        except expat.ExpatError as error:
            raise InputError(
                f"{path}: line {error.lineno} is no XML ({expat.ErrorString(error.code)}); "
                "allowed: a whole feed in RSS 2.0 or Atom, or a table"
            ) from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise InputError(f"{path} is a damaged gzip file") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    yield from parser.take()


def read_names(path: Path) -> list[str]:
    """The folded names of the elements of all items, in the order in which they appear.

    Raises:
        InputError: as read_items, and where there is no item.
    """
    names = [*dict.fromkeys(name for item in read_items(path) for name in item)]
    if not names:
        raise InputError(f"{path} is XML without items; allowed: elements `item` (RSS 2.0) or `entry` (Atom)")
    return names


def read_channel_title(path: Path) -> str:
    """The title of the feed itself; "" where none stands before its first item."""
    parser = _Parser()
    with open_bytes(path) as file:
        while (block := file.read(_BLOCK)) and not parser.n_items:
            parser.parse(block)
    return parser.channel_title


class _Parser:
    """Collects items. An item is an element `item` or `entry`; its cells are its children."""

    def __init__(self) -> None:
        self.n_items = self._n_bytes = 0
        self.channel_title = ""
        self._ready: list[Record] = []
        self._depth = 0
        self._item_depth = 0  # 0 outside of an item
        self._plain: Record = {}
        self._prefixed: Record = {}
        self._text: list[str] | None = None  # of the cell that is open
        self._length = 0
        self._expat = expat.ParserCreate()
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters
        self._expat.EntityDeclHandler = self._refuse_entity

    def parse(self, block: bytes, last: bool = False) -> None:
        self._expat.Parse(block, last)
        self._n_bytes += len(block)
        if self._n_bytes - self._expat.CurrentByteIndex > _LONGEST:
            line = self._expat.CurrentLineNumber
            raise InputError(f"line {line}: a tag or comment of more than {_LONGEST:,} bytes")

    def take(self) -> list[Record]:
        ready, self._ready = self._ready, []
        return ready

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._depth += 1
        if not self._item_depth and name.rpartition(":")[2].lower() in ("item", "entry"):
            self._item_depth = self._depth
            self._plain, self._prefixed, self._length = {}, {}, 0
            self.n_items += 1
        elif self._is_cell(name):
            self._text = []
        else:
            self._text = None  # what has elements of its own, as g:shipping has g:price, is no cell

    def _is_cell(self, name: str) -> bool:
        if self._item_depth:
            return self._depth == self._item_depth + 1
        return name == "title" and not self.n_items

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)
            self._length += len(text)
            if self._length > _LONGEST:
                raise InputError(
                    f"line {self._expat.CurrentLineNumber}: an item of more than {_LONGEST:,} characters"
                )

    def _end(self, name: str) -> None:
        if self._item_depth == self._depth:
            self._ready.append(self._plain | self._prefixed)
            self._item_depth = 0
        elif self._text is not None and (not self._item_depth or self._depth == self._item_depth + 1):
            text = "".join(self._text).strip()
            self._text = None
            if not self._item_depth:
                self.channel_title = self.channel_title or text
            elif text:
                prefix, _, local = name.rpartition(":")
                values = self._prefixed if prefix else self._plain
                values.setdefault(fold_name(local), []).append(text)
        self._depth -= 1

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise InputError(
            f"line {self._expat.CurrentLineNumber} declares the entity {name}; allowed: none, since entities can "
            "grow without bound"
        )


def is_xml(beginning: bytes) -> bool:
    """Whether a file that begins so is XML, in UTF-8 or UTF-16."""
    return beginning.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, unpacked where it is gzip."""
    file = path.open("rb")
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return gzip.open(file) if packed else file  # type: ignore[return-value]
