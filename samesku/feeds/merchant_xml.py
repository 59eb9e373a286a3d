"""A product feed as XML (RSS 2.0 or Atom with Google Merchant's `g:` names) -> its items, one at a time."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from html.entities import html5
from pathlib import Path
from typing import IO
from xml.parsers import expat

from samesku.catalogue.column_guess import USUAL_NAMES, fold_name
from samesku.errors import InputError

#: Bytes read at once. A tag or comment that goes on is read again from its start with each block.
_BLOCK = 2**20
_LONGEST = 10_000_000  # characters of one item, bytes of one tag or comment
_ENCODING = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)""")
#: Encodings of several bytes to a character that shops use, and the XML parser does not know.
_MULTIBYTE = frozenset(
    {
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "big5hkscs",
        "shift_jis",
        "cp932",
        "euc_jp",
        "iso2022_jp",
        "euc_kr",
        "cp949",
    }
)
_TITLES = frozenset({"title", *(name for names in USUAL_NAMES["title"] for name in names)})

Record = dict[str, list[str]]


def read_items(path: Path) -> Iterator[Record]:
    """The items of a feed, each as the values of its elements by folded name.

    What lies deeper is left out, but for markup in a title, whose text is kept. The file is read by blocks. `g:title`
    counts before `title`. Names are read without their namespace, so that a feed that does not declare it can be read
    too.

    Raises:
        InputError: it is no XML, is in an encoding that cannot be read, declares entities, or has an item, tag or
            comment of more than 10 million characters.
    """
    with open_bytes(path) as file:
        try:
            yield from _read_items(file)
        except expat.ExpatError as error:
            raise InputError(
                f"{path}: line {error.lineno} is no XML ({expat.ErrorString(error.code)}); "
                "allowed: a whole feed in RSS 2.0 or Atom, or a table"
            ) from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise InputError(f"{path} is a damaged gzip file") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except (ValueError, LookupError) as error:  # of an encoding
            raise InputError(f"{path} cannot be read in its encoding ({error}); save it as UTF-8") from None


def _read_items(file: IO[bytes]) -> Iterator[Record]:
    parser = _Parser(file)
    while parser.parse_block():
        yield from parser.take()
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
    with open_bytes(path) as file:
        parser = _Parser(file)
        while not parser.n_items and parser.parse_block():
            pass
    return parser.channel_title


class _Parser:
    """Collects the items of a file. An item is an element `item` or `entry`; its cells are its children."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._next = file.read(_BLOCK)
        self._decoder = _multibyte_decoder(self._next)
        self.n_items = self._n_bytes = 0
        self.channel_title = ""
        self._ready: list[Record] = []
        self._depth = 0
        self._item_depth = 0  # 0 outside of an item
        self._plain: Record = {}
        self._prefixed: Record = {}
        self._text: list[str] | None = None  # of the cell that is open
        self._is_title = False
        self._length = 0
        self._expat = expat.ParserCreate("utf-8" if self._decoder else None)
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters
        self._expat.EntityDeclHandler = self._refuse_entity
        self._expat.SkippedEntityHandler = self._name_character

    def parse_block(self) -> bool:
        """Parse the next block; False where it was the last one."""
        block, self._next = self._next, self._file.read(_BLOCK)
        last = not self._next
        if self._decoder:
            block = self._decoder.decode(block, last).encode("utf-8")
        self._expat.Parse(block, last)
        self._n_bytes += len(block)
        if self._n_bytes - self._expat.CurrentByteIndex > _LONGEST:
            line = self._expat.CurrentLineNumber
            raise InputError(f"line {line}: a tag or comment of more than {_LONGEST:,} bytes")
        return not last

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
            self._is_title = fold_name(name.rpartition(":")[2]) in _TITLES
        elif not (self._item_depth and self._is_title):
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

    def _name_character(self, name: str, is_parameter: bool) -> None:
        """A name such as eacute that a DTD elsewhere declares, which is not read."""
        if is_parameter:
            return
        if (characters := html5.get(f"{name};")) is None:
            raise InputError(
                f"line {self._expat.CurrentLineNumber} uses the entity {name}; allowed: those of XML and HTML"
            )
        self._characters(characters)

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise InputError(
            f"line {self._expat.CurrentLineNumber} declares the entity {name}; allowed: none, since entities can "
            "grow without bound"
        )


def _multibyte_decoder(beginning: bytes) -> codecs.IncrementalDecoder | None:
    """What decodes a file that begins so, where the XML parser does not know its encoding."""
    declared = _ENCODING.match(beginning)
    if declared is None:
        return None
    codec = codecs.lookup(declared[1].decode("ascii"))
    return codec.incrementaldecoder() if codec.name in _MULTIBYTE else None


def is_xml(beginning: bytes) -> bool:
    """Whether a file that begins so is XML, in UTF-8 or UTF-16."""
    return beginning.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, unpacked where it is gzip."""
    file = path.open("rb")
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return gzip.open(file) if packed else file  # type: ignore[return-value]
