"""annotations.csv: one line for each pair, errors by row."""

import os
import subprocess
import sys

import pytest

from samesku.annotations.file import (
    Annotation,
    format_annotations,
    parse_annotations,
    read_annotations,
    write_annotation,
    write_annotations,
)
from samesku.errors import InputError
from tests.conftest import ROOT

HEADER = b"left,right,annotation,time\n"


def test_the_last_annotation_of_a_pair_counts_and_the_file_keeps_a_line():
    annotations = parse_annotations(HEADER + b"b,a,same,1\nc,d,skip,2\na,b,different,3\n", "file")
    assert annotations == {("c", "d"): ("skip", "2", ""), ("a", "b"): ("different", "3", "")}
    assert format_annotations(annotations) == HEADER + b"a,b,different,3\nc,d,skip,2\n"


def test_a_mark_and_blank_lines_are_read_over():
    assert parse_annotations(b"\xef\xbb\xbf" + HEADER + b"\nb,a,same,1\n", "file") == {
        ("a", "b"): ("same", "1", "")
    }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"left,right\na,b\n",
            r"file must begin with the line left,right,annotation,time; save it as CSV in UTF-8 with commas",
        ),
        (b"\xff\xfe", r"file is no CSV in UTF-8 \(.*\); save it as CSV in UTF-8 with commas"),
        (HEADER + b"a,b,maybe,t\n", "row 2: annotation is 'maybe'; allowed: same, different, skip"),
        (HEADER + b"a,b,same,t\na,b,same\n", "row 3: has 3 cells; allowed: left, right, annotation, time"),
        (HEADER + b"a,a,same,t\n", "row 2: names a twice; allowed: two listings"),
        (HEADER + b"a b,c,same,t\n", "row 2: posting_id: holds a space"),
    ],
)
def test_a_broken_file_is_refused_by_its_row(content, sentence):
    with pytest.raises(InputError, match=sentence):
        parse_annotations(content, "file")


def test_an_answer_is_written_changed_and_taken_back(tmp_path):
    path = tmp_path / "data/annotations.csv"
    assert read_annotations(path) == {}
    write_annotation(path, ("a", "b"), "same")
    write_annotation(path, ("c", "d"), "skip")
    write_annotation(path, ("a", "b"), "different")
    assert {pair: a.answer for pair, a in read_annotations(path).items()} == {
        ("a", "b"): "different",
        ("c", "d"): "skip",
    }
    write_annotation(path, ("c", "d"), None)
    assert list(read_annotations(path)) == [("a", "b")]
    with pytest.raises(InputError, match="annotation is 'maybe'; allowed: same, different, skip"):
        write_annotation(path, ("a", "b"), "maybe")


def test_servers_that_write_one_file_lose_no_annotation(tmp_path):
    """Two processes write 50 pairs each; without a lock they lose some, or stumble over each other's partial file."""
    path = tmp_path / "annotations.csv"
    code = (
        "import sys; from pathlib import Path; from samesku.annotations.file import write_annotation\n"
        "for i in range(50): write_annotation(Path(sys.argv[1]), (sys.argv[2], f'x{i}'), 'same')"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, path, name], cwd=ROOT) for name in "ab"]
    assert [writer.wait(300) for writer in writers] == [0, 0]
    assert len(read_annotations(path)) == 100
    assert [file.name for file in tmp_path.iterdir()] == ["annotations.csv"]


def test_a_link_to_a_shared_file_is_followed_and_its_mode_stays(tmp_path):
    shared, link = tmp_path / "shared" / "ours.csv", tmp_path / "annotations.csv"
    shared.parent.mkdir()
    shared.write_bytes(format_annotations({("x", "y"): Annotation("same", "2026-01-01T00:00:00Z")}))
    shared.chmod(0o660)
    link.symlink_to(shared)
    write_annotation(link, ("a", "b"), "different")
    assert link.is_symlink()
    assert set(read_annotations(shared)) == {("x", "y"), ("a", "b")}
    assert shared.stat().st_mode & 0o777 == 0o660


def test_several_answers_are_one_change_with_the_name_of_who_gave_them(tmp_path):
    path = tmp_path / "annotations.csv"
    write_annotation(path, ("a", "b"), "skip")
    before = write_annotations(path, {("a", "b"): "same", ("b", "c"): "different"}, "Ada")
    assert before == {("a", "b"): "skip", ("b", "c"): None}
    assert path.read_text().splitlines()[0] == "left,right,annotation,time,name"
    annotations = read_annotations(path)
    assert {pair: (a.answer, a.name) for pair, a in annotations.items()} == {
        ("a", "b"): ("same", "Ada"),
        ("b", "c"): ("different", "Ada"),
    }
    write_annotations(path, before)  # undone: no name is left
    assert path.read_text().splitlines()[0] == "left,right,annotation,time"


@pytest.mark.parametrize("name", ["A\rB", "A\nB", "\udcff", "A" * 201])
def test_a_name_that_a_line_cannot_hold_is_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(
        InputError, match=r"the name of a person is .*allowed: up to 200 characters in one line"
    ):
        write_annotation(tmp_path / "annotations.csv", ("a", "b"), "same", name)
    assert not os.listdir(tmp_path)


def test_answers_that_contradict_the_file_are_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "annotations.csv"
    write_annotations(path, {("a", "b"): "same", ("b", "c"): "same"})
    content = path.read_bytes()
    with pytest.raises(
        InputError,
        match="contradict earlier annotations: a and c are different, but a is b, b is c; undo or change",
    ):
        write_annotations(path, {("x", "y"): "same", ("a", "c"): "different"})
    assert path.read_bytes() == content
    write_annotations(
        path, {("b", "c"): "different", ("a", "c"): "different"}
    )  # both at once are no contradiction
