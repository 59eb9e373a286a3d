"""The file that a table means by a picture's name, by hand."""

from pathlib import PurePosixPath

import pytest

from samesku.catalogue.picture_names import index_names, other_names

FILES = ["0.JPG", "a b.png", "sub/1.jpg", "Größe.jpeg", "2.jpg", "2.png", "3.jpg", "3.JPG", "v1.2", "4.tar"]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("0.jpg", "0.JPG"),
        ("0", "0.JPG"),  # the one extension that there is
        (" a b.png ", "a b.png"),
        ("A B", "a b.png"),
        ("sub\\1.jpg", "sub/1.jpg"),
        ("images/0.jpg", "0.JPG"),
        ("shop/images/sub/1.JPG", "sub/1.jpg"),
        ("Gro\u0308ße.jpeg", "Größe.jpeg"),  # composed otherwise, as by macOS
        ("GRÖSSE", "Größe.jpeg"),
        ("2.jpg", "2.jpg"),
        ("2", None),  # two files could be meant
        ("3.Jpg", None),
        ("V1.2", "v1.2"),
        ("4", None),  # .tar is no picture
        ("other/0.jpg", None),
        ("5.jpg", None),
        ("", None),
    ],
)
def test_a_name_that_is_written_otherwise(name: str, file: str | None) -> None:
    others = list(other_names(name, PurePosixPath("data/shop/images"), lambda: index_names(FILES)))
    assert next((other for other in others if other in FILES), None) == file


def test_files_are_listed_only_where_they_are_needed() -> None:
    def index() -> dict[str, str]:
        raise AssertionError

    assert next(other_names(" 0.JPG", PurePosixPath("images"), index)) == "0.JPG"
