"""Products before and after, worked out by hand."""

import pytest

from samesku.evaluation.changes import describe_changes, find_changes


def groups(text):
    """ "ab c" -> the listings a and b in group 0, c in group 1."""
    return {name: number for number, names in enumerate(text.split()) for name in names}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("ab c", "c ab", []),  # numbers of groups mean nothing
        ("ab c", "abc", [("joined", "c", "c", "a", 1, 3)]),
        ("a b", "ab", [("joined", "b", "b", "a", 1, 2)]),
        ("abc", "ab c", [("left", "c", "a", "c", 3, 1)]),
        ("ab", "a b", [("left", "b", "a", "b", 2, 1)]),
        ("abc de", "ab cde", [("moved", "c", "a", "c", 3, 3)]),
        ("ab cd", "abcd", [("merged", "", "a c", "a", 4, 4)]),
        ("ab cd e", "abcde", [("merged", "", "a c", "a", 4, 5), ("joined", "e", "e", "a", 1, 5)]),
        ("abcd", "ab cd", [("split", "", "a", "a c", 4, 4)]),
        (
            "abcd ef",
            "ab cdef",
            [("merged", "", "a e", "c", 6, 4), ("split", "", "a", "a c", 4, 6)],
        ),
        ("ab", "abx", [("added", "x", "", "a", 0, 3)]),
        ("ab", "ab x", [("added", "x", "", "x", 0, 1)]),
        ("abx", "ab", [("removed", "x", "a", "", 3, 0)]),
        ("ax b", "ab", [("joined", "b", "b", "a", 1, 2), ("removed", "x", "a", "", 2, 0)]),
        ("", "ab", [("added", "a", "", "a", 0, 2), ("added", "b", "", "a", 0, 2)]),
    ],
)
def test_changes(before, after, expected):
    assert find_changes(groups(before), groups(after)) == expected


def test_the_line_counts_each_kind():
    assert (
        describe_changes(find_changes(groups("ab cd e"), groups("abcde xy"))) == "1 merged, 1 joined, 2 added"
    )
    assert describe_changes([]) == "no change"
