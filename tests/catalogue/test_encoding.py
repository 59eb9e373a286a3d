"""Which encoding a table is taken to be in, by hand."""

import codecs

import numpy as np
import pytest

from samesku.catalogue.encoding import decode_table
from samesku.errors import InputError

TABLE = "posting_id,title\na,Café ★ 牛奶\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_or_validity_decides_without_a_word(encoding: str) -> None:
    assert decode_table(TABLE.encode(encoding))[::2] == (TABLE, "")


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_shows_by_its_zeros(order: str) -> None:
    text = decode_table(TABLE.encode(f"utf-16-{order}"))
    assert text[:2] == (TABLE, f"utf-16-{order}")
    assert "without a mark" in text.note


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("header", ["posting_id,title", "商品编号,标题"])
def test_utf_16_shows_by_its_line_ends_where_titles_have_no_zeros(order: str, header: str) -> None:
    table = f"{header}\n" + "".join(f"{i},{'牛奶保温杯' * 30}\n" for i in range(50))
    assert decode_table(table.encode(f"utf-16-{order}")).text == table


@pytest.mark.parametrize("stray", [b"\0", b"x\0"])
def test_a_zero_byte_alone_makes_no_utf_16(stray: bytes) -> None:
    table = b"posting_id,title\n" + "".join(f"{i},Café crème\n" for i in range(50)).encode("cp1252")
    assert decode_table(table + stray).text == (table + stray).decode("cp1252")


def test_each_mark_of_utf_8_is_dropped() -> None:
    assert decode_table(codecs.BOM_UTF8 * 3 + b"id\n").text == "id\n"


@pytest.mark.parametrize(
    "text",
    [
        "Théâtre d'ombres, déçu, façon, créée, août, œuvre d’art, «fenêtre», à côté, 25 €, n° 5",
        "Größe XL, Übergröße, Äpfel, Öl, Straße, Möbel für Jungen & Mädchen, süß, 5 µm ± 2 %",
        "compañía señoría niños ¿qué? ¡¿oferta?! años «¡sí!» 20° ±2° 3ª edição corações põe limões ação mãe",
        "città perché più però è già",
        "smørrebrød på blåbær øre åre Ærø",
        "fåtölj sköld påse Ängel",
        "yö pää hyvä työ",
        "½ kg, 1½ l, ½kg, 10×20 cm, 30°C, H²O, 25 £ ©®",
        "GRÖSSE ÄPFEL FAÇADE CRÈME BRÛLÉE AÇÃO",
    ],
)
def test_western_languages_are_read_as_cp1252_with_a_word(text: str) -> None:
    decoded = decode_table(text.encode("cp1252"))
    assert decoded[:2] == (text, "cp1252")
    assert "data.encoding" in decoded.note


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("biała koszulka", "cp1250"),
        ("erős kávé", "cp1250"),
        ("gömlek kırmızı", "cp1254"),
        ("молоко и сыр", "cp1251"),
        ("молоко и сыр", "koi8_r"),
        ("γάλα και τυρί", "cp1253"),
        ("חלב", "cp1255"),
        ("กระเป๋า", "cp874"),
        ("牛奶", "big5"),
        ("牛奶 保温杯", "gb18030"),
        ("ステンレス", "cp932"),
        ("우유", "cp949"),
        ("Café crème", "mac_roman"),
        ("Café crème", "cp850"),
        ("œufs frais", "iso8859_15"),
    ],
)
def test_what_is_not_certain_is_refused_and_read_where_it_is_named(text: str, encoding: str) -> None:
    with pytest.raises(
        InputError, match=r"encoding is not certain; write data\.encoding: \w+ .*save the table as"
    ):
        decode_table(text.encode(encoding))
    assert decode_table(text.encode(encoding), encoding)[::2] == (text, "")


@pytest.mark.parametrize("encoding", ["iso2022_jp", "utf-7", "hz"])
def test_an_encoding_of_ascii_bytes_is_read_where_it_is_named(encoding: str) -> None:
    text = f"posting_id,title\na,{'牛乳' if encoding == 'iso2022_jp' else '牛奶'}\n"
    data = text.encode(encoding)
    assert data.isascii()
    assert decode_table(data, encoding) == (text, encoding, "")
    with pytest.raises(InputError, match=r"not in data\.encoding"):
        decode_table(data + b"\xff", encoding)


def test_a_named_encoding_that_is_not_used_is_said() -> None:
    assert "data.encoding cp1251 is not used" in decode_table(TABLE.encode(), "cp1251").note
    assert decode_table(b"id,title\n", "cp1251").note == ""


@pytest.mark.parametrize("encoding", ["cp12511", "u\0", "hex"])
def test_an_encoding_that_is_none_is_refused_whatever_the_bytes(encoding: str) -> None:
    with pytest.raises(InputError, match=r"data\.encoding is .*; allowed: .* such as cp1251"):
        decode_table(b"id,title\n", encoding)


def test_a_table_that_is_not_in_the_named_encoding_is_refused_by_its_byte() -> None:
    with pytest.raises(InputError, match=r"not in data\.encoding cp1253: byte 5 is 0xd2"):
        decode_table(b"id,a\n\xd2", "cp1253")


@pytest.mark.parametrize("encoding", [None, "cp1251"])
def test_a_binary_file_is_no_text_in_any_encoding(encoding: str | None) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8).tobytes()
    with pytest.raises(InputError, match=r"data\.csv is no text: a binary file"):
        decode_table(noise, encoding)


def test_utf_8_with_few_stray_bytes_stays_utf_8() -> None:
    assert decode_table("éééé".encode() + b"\xe9").text == "éééé\udce9"
    with pytest.raises(InputError, match="not certain"):  # as much of one as of the other
        decode_table("ééé".encode() + b"\xe9")
