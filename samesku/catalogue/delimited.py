"""The text of a CSV or TSV -> its header and records, in time that grows with its length."""

import re
from collections.abc import Callable, Iterator

from samesku.catalogue import quarantine as q

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|"}
#: Excel's first line that names the delimiter; nothing but delimiters may follow.
_SEPARATOR = re.compile(r'\s*"?sep=(.)"?[,;\t|]*(?:\r\n?|\n)', re.IGNORECASE)
_LINE_END = re.compile(r"\r\n?|\n")
#: A quoted cell, in which a mark is doubled, with blanks around it.
_QUOTED = re.compile(r' *+"([^"]*+(?:""[^"]*+)*+)" *+')
_REREAD = 10  # how often the text may be read again, in all, after broken quotes


def read_delimited(
    text: str, known: Callable[[list[str]], int], notes: list[str]
) -> tuple[list[str], Iterator[list[str] | str], str]:
    """Split a text table into cells.

    Args:
        known: how many columns of a header are known; the delimiter that makes most of them is taken.
        notes: takes a sentence, once the records have been read, where quote marks can be read in two ways.

    Returns:
        the header; each record after it as cells, of any number, or as the reason why it has none; the delimiter.
    """
    text = text.rstrip("\x1a")  # the end mark of DOS
    delimiters = DELIMITERS
    if named := _SEPARATOR.match(text):
        delimiters, text = {named[1]: f"{named[1]!r}"}, text[named.end() :]

    def read_header(delimiter: str) -> tuple[list[str], int]:
        for cells, stop in _records(text, delimiter, None, 0, []):
            if any(map(str.strip, cells)):
                return list(cells), stop
        return [], len(text)

    headers = {delimiter: read_header(delimiter) for delimiter in delimiters}
    delimiter = max(delimiters, key=lambda d: (known(headers[d][0]), len(headers[d][0]) > 1))
    names, stop = headers[delimiter]
    while len(names) > 1 and not names[-1].strip():  # delimiters after the last column
        names.pop()

    def records() -> Iterator[list[str] | str]:
        stray: list[str] = []
        for record, _ in _records(text, delimiter, len(names), _line(text, stop)[1], stray):
            yield record
        if stray:
            notes.append(
                f"data.csv has {len(stray)} pairs of quote marks with whole rows between them, the first in "
                f"{stray[0]!r}: taken as part of the text, not as marks of one long cell"
            )

    return names, records(), delimiters[delimiter]


def _line(text: str, start: int) -> tuple[int, int]:
    """Where the line at `start` ends, and where the next one starts."""
    end = _LINE_END.search(text, start)
    return end.span() if end else (len(text), len(text))


def _records(
    text: str, delimiter: str, width: int | None, start: int, strays: list[str]
) -> Iterator[tuple[list[str] | str, int]]:
    """Each record from `start` on, and where it stops.

    A quote mark that begins a cell and is not closed as CSV has it is the seller's (24" monitor): its line is taken as
    it stands if that is a row of `width` cells (None: of any number), and is broken otherwise. A lenient reader would
    swallow the lines up to the next mark into one cell, without a word.

    Args:
        strays: takes the line of each mark that could begin a cell of several lines, and is taken for the seller's.
    """
    cell_end = re.compile(rf"[{re.escape(delimiter)}\r\n]")
    budget = _REREAD * len(text)
    while start < len(text):
        line_end, _ = _line(text, start)
        stop = line_end
        if text.find('"', start, line_end) < 0:
            yield text[start:stop].split(delimiter), stop
        elif budget < 0:
            yield q.ROW_QUOTES, stop
        else:
            cells, stop = _scan(text, delimiter, cell_end, width, start)
            if cells is None:
                budget -= stop - start
                stop = line_end
            lines = _LINE_END.split(text[start:stop])
            # Also two marks that are the seller's, with nothing but whole rows from one to the other.
            stray = len(lines) > 1 and all(_is_row(line, delimiter, width) for line in lines[:-1])
            stray = stray and (len(lines) > 2 or _is_row(lines[-1], delimiter, width))
            if cells is not None and stray:
                strays.append(lines[0][:80])
            if cells is None or stray:
                for line in lines:
                    is_row = width is None or _is_row(line, delimiter, width)
                    yield line.split(delimiter) if is_row else q.ROW_QUOTES, stop
            else:
                yield cells, stop
        start = _line(text, stop)[1]


def _is_row(line: str, delimiter: str, width: int | None) -> bool:
    """Whether a line is a row of `width` cells by itself; a blank after a delimiter is that of a sentence."""
    cells = line.split(delimiter)
    return len(cells) == width and not any(cell.startswith(" ") for cell in cells)


def _scan(
    text: str, delimiter: str, cell_end: re.Pattern[str], width: int | None, place: int
) -> tuple[list[str] | None, int]:
    """The record at `place`, None where it breaks the rules of quotes or has too many cells; where reading stopped."""
    cells: list[str] = []
    while True:
        if quoted := _QUOTED.match(text, place):
            cell, place = quoted[1].replace('""', '"'), quoted.end()
        else:
            end = cell_end.search(text, place)
            cell = text[place : end.start() if end else len(text)]
            if cell.lstrip(" ").startswith('"'):
                return None, len(text)  # no mark closes it
            place += len(cell)
        at_end = place == len(text)
        if not (at_end or cell_end.match(text, place)) or (
            cell and width is not None and len(cells) >= width
        ):
            return None, place
        cells.append(cell)
        if at_end or text[place] != delimiter:
            return cells, place
        place += 1
