"""Feeds as XML: RSS 2.0 and Atom, read by items; entities and broken XML are refused."""

import gzip
import tracemalloc

import pytest

from samesku.errors import InputError
from samesku.feeds import merchant_xml
from samesku.feeds.merchant_xml import is_xml, read_channel_title, read_items, read_names

RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>
<title>Shop Müller</title><link>https://shop.example</link>
<item>
  <g:id>a-1</g:id>
  <title>Sirup &amp; Öl <![CDATA[<b>460 ml</b>]]></title>
  <g:title>Sirup Melon 460 ml</g:title>
  <description>Sweet</description>
  <g:price>4.50 EUR</g:price>
  <g:shipping><g:country>DE</g:country><g:price>9.99 EUR</g:price></g:shipping>
  <g:image_link>https://shop.example/1.jpg</g:image_link>
  <g:additional_image_link>https://shop.example/2.jpg</g:additional_image_link>
  <g:additional_image_link>https://shop.example/3.jpg</g:additional_image_link>
  <g:brand></g:brand>
</item>
<item><g:id>a-2</g:id><title>Second</title></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<title>Atom shop</title><entry><id>tag:1</id><g:id>b-1</g:id><title>T</title><g:image_link>http://x/1.jpg</g:image_link></entry>
</feed>"""


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "feed.xml"
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_items_of_rss(tmp_path, encoding):
    path = write(tmp_path, RSS.format(encoding=encoding.removesuffix("-sig")), encoding)
    assert is_xml(path.read_bytes()[:200])
    assert list(read_items(path)) == [
        {
            "id": ["a-1"],
            "title": ["Sirup Melon 460 ml"],
            "description": ["Sweet"],
            "price": ["4.50 EUR"],  # not that of shipping, which lies deeper
            "image_link": ["https://shop.example/1.jpg"],
            "additional_image_link": ["https://shop.example/2.jpg", "https://shop.example/3.jpg"],
        },
        {"id": ["a-2"], "title": ["Second"]},
    ]
    assert read_channel_title(path) == "Shop Müller"


def test_text_of_several_parts_is_one(tmp_path):
    path = write(tmp_path, RSS.format(encoding="utf-8").replace("g:title>", "g:other>"))
    assert next(read_items(path))["title"] == ["Sirup & Öl <b>460 ml</b>"]


def test_items_of_atom(tmp_path):
    path = write(tmp_path, ATOM)
    assert list(read_items(path)) == [{"id": ["b-1"], "title": ["T"], "image_link": ["http://x/1.jpg"]}]
    assert read_channel_title(path) == "Atom shop"
    assert read_names(path) == ["id", "title", "image_link"]


def test_a_feed_that_does_not_declare_its_namespace(tmp_path):
    path = write(
        tmp_path, "<rss><channel><item><g:id>1</g:id><g:image_link>u</g:image_link></item></channel></rss>"
    )
    assert list(read_items(path)) == [{"id": ["1"], "image_link": ["u"]}]


@pytest.mark.parametrize("encoding", ["Shift_JIS", "gbk", "big5", "euc-kr", "gb18030", "iso-2022-jp"])
def test_encodings_of_several_bytes(tmp_path, encoding):
    title = {"euc-kr": "우유"}.get(encoding, "牛乳" if encoding in ("Shift_JIS", "iso-2022-jp") else "牛奶")
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><rss><item><id>1</id><title>{title}</title></item></rss>'
    )
    assert list(read_items(write(tmp_path, text, encoding))) == [{"id": ["1"], "title": [title]}]


def test_a_character_that_lies_on_the_border_of_two_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(merchant_xml, "_BLOCK", 97)
    title = "牛乳" * 300
    text = (
        f'<?xml version="1.0" encoding="shift_jis"?><rss><item><id>1</id><title>{title}</title></item></rss>'
    )
    assert list(read_items(write(tmp_path, text, "shift_jis"))) == [{"id": ["1"], "title": [title]}]


def test_markup_in_a_title_and_html_names_of_characters_are_read(tmp_path):
    text = (
        '<!DOCTYPE rss SYSTEM "http://x/rss.dtd"><rss><item><id>1</id><g:title>Oil <b>4<i>60</i></b> ml</g:title>'
        "<shipping><price>1</price></shipping><description>Caf&eacute;</description></item></rss>"
    )
    assert list(read_items(write(tmp_path, text))) == [
        {"id": ["1"], "title": ["Oil 460 ml"], "description": ["Café"]}
    ]


def test_a_compressed_feed(tmp_path):
    path = write(tmp_path, gzip.compress(ATOM.encode()))
    assert next(read_items(path))["id"] == ["b-1"]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"feed\.xml is a damaged gzip file"):
        list(read_items(path))


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><rss><item><g:id>&b;</g:id></item></rss>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss><item><g:id>&a;</g:id></item></rss>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, r"feed\.xml: line 1 declares the entity a; allowed: none"),
        (OUTSIDE, r"feed\.xml: line 1 declares the entity a; allowed: none"),
        ("<rss>\n<item><g:id>1</g:id>", r"feed\.xml: line 2 is no XML \(no element found\)"),
        ("<rss>\n<item>a & b</item></rss>", r"feed\.xml: line 2 is no XML"),
        ("<rss><item><title>a&nbsp;b</title></item></rss>", r"line 1 is no XML \(undefined entity\)"),
        (
            '<?xml version="1.0" encoding="foo"?><rss/>',
            r"in its encoding \(unknown encoding: foo\); save it as UTF-8",
        ),
        (
            '<?xml version="1.0" encoding="utf-7"?><rss/>',
            r"in its encoding \(multi-byte encodings are not supported",
        ),
        (
            '<?xml version="1.0" encoding="gbk"?><rss>\xff</rss>'.encode("latin-1"),
            r"in its encoding \('gbk' codec",
        ),
        (
            '<!DOCTYPE rss SYSTEM "x"><rss><item><id>&wrong;</id></item></rss>',
            "line 1 uses the entity wrong; allowed",
        ),
        ("<html><body>Not found</body></html>", r"feed\.xml is XML without items; allowed: elements `item`"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_names(write(tmp_path, text))


def test_an_item_without_end_is_refused_while_it_is_read(tmp_path):
    text = f"<rss><item><title>{'a' * 11_000_000}</title></item></rss>"
    with pytest.raises(InputError, match="line 1: an item of more than 10,000,000 characters"):
        list(read_items(write(tmp_path, text)))


def test_a_large_feed_is_not_held_in_memory(tmp_path):
    """Eight times the items take the same memory."""
    item = f"<item><g:id>1</g:id><title>{'t' * 1000}</title></item>"
    peaks = []
    for n in (4_000, 32_000):  # the buffers of the parser have their full size from about 4 MB on
        path = write(tmp_path, f"<rss><channel>{item * n}</channel></rss>")
        tracemalloc.start()
        assert sum(1 for _ in read_items(path)) == n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize("data", [b"id\ttitle\n1\t<b>\n", b"", b"\xff\xfei\0d\0"])
def test_a_table_is_no_xml(data):
    assert not is_xml(data)
