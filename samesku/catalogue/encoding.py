"""The bytes of a text table -> its text: by its mark, by what is valid, or as data.encoding says; else refused."""

import codecs
import re
from itertools import pairwise
from typing import NamedTuple

from samesku.errors import InputError
from samesku.params.load import check_encoding

#: Marks at the beginning of a file; that of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Encodings whose bytes are ASCII, whatever they stand for: such a text is valid UTF-8 too.
_SEVEN_BIT = ("iso2022", "hz", "utf-7")
_BEGINNING = 4096  # bytes in which the zeros of UTF-16 are counted, and characters of its header
_HEADER = re.compile(r"\s*[^\r\n]*[,;\t|{][^\r\n]*[\r\n]")  # two columns at least, or JSON
#: Control characters that no text has; one in ten bytes of a compressed file is such a one.
_BINARY = bytes(byte for byte in range(1, 32) if byte not in b"\t\n\v\f\r\x1a\x1b")
_STRAY = re.compile("[\udc80-\udcff]")
_NOT_ASCII = re.compile("[^\0-\x7f]")
_WORD = re.compile(r"[^\W\d_]+")
_LETTER = "[A-Za-zÀ-ÖØ-öø-ÿ]"
#: What no Western text has, but other encodings have when they are read as cp1252.
_NOT_WESTERN = re.compile(
    "[\x80-\x9f¤¦¨¬¯¸]"  # control characters, and signs that are hardly used
    "|[ŠšŽžÝýÞþÐð]"  # letters of Central Europe, Turkey and Iceland: gömlek kýrmýzý is gömlek kırmızı
    "|[õÕ](?![eE])"  # erõs is erős; Portuguese has it before an e
    f"|{_LETTER}[¹³º£¥¢¼½¾¶…‰›±×÷«»“”]{_LETTER}"  # a sign between letters: bia³e is białe
    f"|{_LETTER}[¡¿§ƒ‚„†‡ˆ‹•˜]"  # a sign that opens something, after a letter: Caf‚ is Café
    "|[¹²³º£¥¢¼½¾¶‰›±×÷ª°µ§ƒ‚„†‡ˆ‹•˜][¢£¥§¶¹¼½¾¿¡×÷ƒ„†‡ˆ‰‹›•˜]"  # two signs: a Chinese one
    "|(?<!\\d)[¼½¾](?!kg|g|ml|l|lb|oz)[a-z]"  # ½uf is œuf
)
#: Asked for a name that a person can try; what it says is never taken unasked.
_OTHERS = "cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 cp874 koi8_r cp866 cp850 mac_roman gb18030 big5 cp932 euc_jp cp949"


class Text(NamedTuple):
    """A decoded table, and the name of its encoding.

    Attributes:
        note: one sentence where the encoding does not follow from the bytes for certain, else "".
    """

    text: str
    encoding: str
    note: str = ""


def decode_table(data: bytes, encoding: str | None = None) -> Text:
    """Decode a text table.

    A mark decides; then what is valid UTF-8 is UTF-8; UTF-16 without a mark shows by its zeros. What is none of them
    is in `encoding`, or plainly in cp1252. UTF-8 with a few stray bytes gives them as surrogates, one each.

    Raises:
        InputError: the encoding is not known for certain, or the table is not in `encoding`.
    """
    codec = _known_codec(encoding) if encoding is not None else ""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return Text(data.decode(name, "replace").removeprefix("\ufeff"), name)
    while data.startswith(codecs.BOM_UTF8):  # some tools add one more each time they save
        data = data.removeprefix(codecs.BOM_UTF8)
    if encoding is not None and codec.startswith(_SEVEN_BIT):
        return Text(_decode(data, encoding), encoding)
    text = data.decode("utf-8", "surrogateescape")
    n_stray = len(_STRAY.findall(text))
    if utf16 := _utf16_without_mark(data, 0.001 if n_stray else 0.1):
        return utf16
    if not n_stray:
        unused = codec and codec != "utf-8" and not text.isascii()
        note = (
            f"data.csv is valid UTF-8, and is read so; data.encoding {encoding} is not used" if unused else ""
        )
        return Text(text, "UTF-8", note)
    if _is_binary(data[:_BEGINNING]):
        raise InputError(
            "data.csv is no text: a binary file, or UTF-16 whose first line is no header; "
            "allowed: CSV, TSV, Parquet, JSON Lines, Excel (.xlsx)"
        )
    if encoding is not None:
        return Text(_decode(data, encoding), encoding)
    n_valid = len(_NOT_ASCII.findall(text)) - n_stray
    if n_valid >= 4 * n_stray:  # UTF-8 with damage; by chance, some words of other encodings are valid too
        return Text(text, "UTF-8")
    text = data.decode("cp1252", "replace")
    if n_valid or not _is_western(text):
        raise InputError(
            "data.csv is neither UTF-8 nor UTF-16, and its encoding is not certain; "
            f"write {_guess(data)}, or save the table as UTF-8"
        )
    word = next(word for word in _words(text))
    return Text(
        text, "cp1252", f"data.csv is no UTF-8; it is read as cp1252 ({word!r}); data.encoding names another"
    )


def _known_codec(encoding: str) -> str:
    """Python's name of an encoding. Raises InputError where there is none."""
    for problem in check_encoding(encoding):
        raise InputError(f"data.{problem}")
    return codecs.lookup(encoding).name


def _decode(data: bytes, encoding: str) -> str:
    """The text of a table in the encoding that a person has named. Raises InputError where it is not in it."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"data.csv is not in data.encoding {encoding}: byte {error.start:,} is {data[error.start]:#04x}"
        ) from None


def _utf16_without_mark(data: bytes, share: float) -> Text | None:
    """UTF-16 if at least this share of the beginning is zeros, every second byte: the signs and digits of a table."""
    beginning = data[:_BEGINNING]
    zeros = [beginning[start::2].count(0) for start in (0, 1)]
    few, many = sorted(zeros)
    if many <= share * len(beginning) or few * 10 > many:
        return None
    name = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        return None
    if not _HEADER.match(text, 0, _BEGINNING):
        return None
    return Text(text, name, f"data.csv is read as {name.upper()} without a mark")


def _is_binary(beginning: bytes) -> bool:
    """Whether a file that is not UTF-8 has too many control characters for a text of another encoding."""
    n_control = len(beginning) - len(beginning.translate(None, _BINARY))
    return n_control * 50 > len(beginning)


def _words(text: str) -> list[str]:
    """The words with a letter beyond ASCII, or the signs beyond it where no word has one."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    return words or _NOT_ASCII.findall(text)


def _is_western(text: str) -> bool:
    """Whether a text in cp1252 reads like one: most letters of a word are ASCII, and upper case begins it."""
    if "\ufffd" in text or _NOT_WESTERN.search(text):
        return False
    words = _words(text)
    odd = sum(map(_is_odd, words))
    return odd * 10 <= len(words)


def _is_odd(word: str) -> bool:
    """Whether hardly any Western word has its letters beyond ASCII where this one has them."""
    n_accented = len(_NOT_ASCII.findall(word))
    pairs = [(a, b) for a, b in pairwise(word) if not b.isascii()]
    return (
        (n_accented == len(word) > 1 or n_accented * 2 > len(word) > 3)
        or any(a.islower() and b.isupper() for a, b in pairs)
        # Two in a row: théâtre, compañía, Größe, and hardly without such letters.
        or any(not a.isascii() and a != b and not {a, b} & set("çñéßÇÑÉ") for a, b in pairs)
    )


def _guess(data: bytes) -> str:
    """data.encoding as it might be: what charset-normalizer takes the lines for that are not ASCII, with a word."""
    from charset_normalizer import from_bytes

    lines = b"\n".join(line for line in data.splitlines() if not line.isascii())[:50_000]
    if best := from_bytes(lines, cp_isolation=_OTHERS.split()).best():
        word = max(_words(str(best))[:1000], key=len, default="")
        return f"data.encoding: {best.encoding} if {word!r} is right, or what else it is"
    return "data.encoding: cp1251 (or what it is)"
