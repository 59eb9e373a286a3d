import csv
from pathlib import Path

import pytest

from samesku.catalogue.quarantine import HASH_BAD, IMAGE_MISSING, IMAGE_UNNAMED, TITLE_EMPTY, Quarantine
from samesku.errors import InputError


def test_the_file_is_in_order_and_says_each_thing_once(tmp_path: Path) -> None:
    faults = Quarantine()
    faults.add(10, "b", "x.jpg", TITLE_EMPTY)
    faults.add(9, "a", "y.jpg", TITLE_EMPTY)
    faults.add(10, "b", "x.jpg", IMAGE_MISSING)
    faults.add(10, "b", "x.jpg", IMAGE_MISSING)
    faults.write(tmp_path / "quarantine.csv")
    assert (tmp_path / "quarantine.csv").read_text() == (
        "row,posting_id,file,reason\n"
        "9,a,y.jpg,title: empty\n"
        "10,b,x.jpg,image: missing\n"
        "10,b,x.jpg,title: empty\n"
    )
    assert faults.rows() == {9, 10}
    assert faults.by_reason() == "2 × title: empty, 1 × image: missing"


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("-1", "'-1"),
        ("＝1+1", "'＝1+1"),
        ("a;=1+1;b", "a;'=1+1;b"),
        ("two\nlines", r"two\nlines"),
        ('quote" and, comma', 'quote" and, comma'),
        ("\udce9", r"\udce9"),
        ("a\0\u202e", r"a\x00\u202e"),
        ("商品 ★", "商品 ★"),
    ],
)
def test_cells_of_strangers_are_harmless(cell: str, written: str, tmp_path: Path) -> None:
    faults = Quarantine()
    faults.add(0, cell, cell, TITLE_EMPTY)
    faults.write(tmp_path / "quarantine.csv")
    with (tmp_path / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1] == ["0", written, written, TITLE_EMPTY]


def test_the_share_is_projected_from_the_rows_taken() -> None:
    faults = Quarantine()
    assert faults.share(total=10, readable=10, taken=10) == 0
    for row in range(10):
        faults.add(row, "", "", HASH_BAD)
    # 10 of 100 have no id; of the other 90, 30 are taken
    assert faults.share(total=100, readable=90, taken=30) == pytest.approx(0.1)
    for row in range(20, 30):
        faults.add(row, "", "", HASH_BAD)  # 10 of the 30 taken
    assert faults.share(total=100, readable=90, taken=30) == pytest.approx(0.1 + 0.9 / 3)
    assert faults.share(total=100, readable=90, taken=90) == pytest.approx(20 / 100)


def test_empty_cells_are_no_faults_and_a_share_is_exact(tmp_path: Path) -> None:
    faults = Quarantine()
    for row in range(20):
        faults.add(row, "", "", TITLE_EMPTY if row % 2 else IMAGE_UNNAMED)
    assert faults.share(total=40, readable=40, taken=40) == 0
    faults.add(3, "", "", IMAGE_MISSING)
    faults.add(8, "", "", IMAGE_MISSING)
    faults.check_share(total=40, readable=40, taken=40, most=0.05, file=tmp_path)  # 2 of 40 are not above 5%
    with pytest.raises(
        InputError, match=r"^5\.0% of the rows .*: 2 × image: missing; .*, or raise data\.max_quarantined"
    ):
        faults.check_share(total=40, readable=40, taken=40, most=0.04, file=tmp_path)
