"""annotations.csv: one line for each pair, errors by row."""

import pytest

from samesku.annotations.file import format_annotations, parse_annotations
from samesku.errors import InputError

HEADER = b"left,right,annotation,time\n"


def test_the_last_annotation_of_a_pair_counts_and_the_file_keeps_a_line():
    annotations = parse_annotations(HEADER + b"b,a,same,1\nc,d,skip,2\na,b,different,3\n", "file")
    assert annotations == {("c", "d"): ("skip", "2"), ("a", "b"): ("different", "3")}
    assert format_annotations(annotations) == HEADER + b"a,b,different,3\nc,d,skip,2\n"


def test_a_mark_and_blank_lines_are_read_over():
    assert parse_annotations(b"\xef\xbb\xbf" + HEADER + b"\nb,a,same,1\n", "file") == {
        ("a", "b"): ("same", "1")
    }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"left,right\na,b\n", "file must begin with the line left,right,annotation,time"),
        (b"\xff\xfe", "file is no CSV in UTF-8"),
        (HEADER + b"a,b,maybe,t\n", "row 2: annotation is 'maybe'; allowed: same, different, skip"),
        (HEADER + b"a,b,same,t\na,b,same\n", "row 3: has 3 cells; allowed: left, right, annotation, time"),
        (HEADER + b"a,a,same,t\n", "row 2: names a twice; allowed: two listings"),
        (HEADER + b"a b,c,same,t\n", "row 2: posting_id: holds a space"),
    ],
)
def test_a_broken_file_is_refused_by_its_row(content, sentence):
    with pytest.raises(InputError, match=sentence):
        parse_annotations(content, "file")
