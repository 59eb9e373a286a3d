"""Verdicts become links: of pairs in the sample, within train for training; test's figures never move."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from samesku import artefacts
from samesku.annotations import file as verdicts
from samesku.annotations import links
from samesku.catalogue.listings import Links, read_links, read_listings
from samesku.embedding.encoder import Content
from samesku.errors import InputError
from samesku.evaluation import groups as grouping
from samesku.params import Groups
from samesku.training.run import TrainingSet
from stages import review
from tests.conftest import ROOT
from tests.evaluation import test_groups as small

IDS = ["a", "b", "c", "d", "e", "f"]
SPLIT = ["train", "train", "train", "val", "test", "test"]
LABEL = ["p", "p", None, "q", "r", "r"]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    artefacts.SAMPLE.mkdir(parents=True)
    table = {
        "row": np.arange(6, dtype=np.int32), "posting_id": IDS, "title": ["t"] * 6, "image": [""] * 6,
        "image_phash": [""] * 6, "label_group": pa.array(LABEL, pa.string()),
        "component": np.arange(6, dtype=np.int32), "split": SPLIT, "has_image": [False] * 6,
    }  # fmt: skip
    pq.write_table(pa.table(table), artefacts.LISTINGS)
    say("data/review.csv")


def say(named, *lines):
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["data"]["review"] = named
    artefacts.ANNOTATIONS.parent.mkdir(exist_ok=True)
    artefacts.ANNOTATIONS.write_text("".join(f"{line}\n" for line in ("left,right,verdict,time", *lines)))
    with open("params.yaml", "w") as file:
        yaml.safe_dump(params, file)


def read(name="all"):
    found = links.read(artefacts.LINKS / f"{name}.parquet")
    return found.same.tolist(), found.different.tolist()


def test_verdicts_of_the_sample_become_links_and_training_sees_its_own():
    say("data/review.csv", "b,c,same,t", "a,e,same,t", "f,e,different,t", "a,d,skip,t", "a,zz,same,t")
    assert review.main().startswith(
        "5 verdicts; 2 same and 1 different among the sample's 6 listings, 1 and 0"
    )
    assert read() == ([[0, 4], [1, 2]], [[4, 5]])
    assert read("train") == ([[1, 2]], [])


def test_without_data_review_there_are_no_links():
    say(None, "b,c,same,t")
    assert review.main() == "data.review names no file: no links"
    assert read() == read("train") == ([], [])


def test_what_contradicts_itself_is_refused():
    say("data/review.csv", "a,b,same,t", "b,c,same,t", "a,c,different,t")
    with pytest.raises(InputError, match="says that a and c are different, and joins them"):
        review.main()


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["a,b,maybe,t"], "row 2: verdict is 'maybe'; allowed: same, different, skip"),
        (["a,b,same,t", "a,b,same"], "row 3: has 3 cells"),
        (["a,a,same,t"], "row 2: names a twice"),
        (["a b,c,same,t"], "row 2: posting_id: holds a space"),
    ],
)
def test_a_broken_file_is_told_of_by_its_row(lines, sentence):
    say("data/review.csv", *lines)
    with pytest.raises(InputError, match=sentence):
        review.main()


def test_the_last_verdict_of_a_pair_wins_and_the_file_keeps_one_line():
    found = verdicts.read(b"left,right,verdict,time\nb,a,same,1\nc,d,skip,2\na,b,different,3\n", "r")
    assert found == {("c", "d"): ("skip", "2"), ("a", "b"): ("different", "3")}
    assert verdicts.dump(found) == b"left,right,verdict,time\na,b,different,3\nc,d,skip,2\n"
    assert verdicts.read(verdicts.dump(found), "r") == found


def test_training_joins_and_parts_products_of_train_alone():
    def products(*lines):
        say("data/review.csv", *lines)
        review.main()
        listings, links = read_listings(artefacts.LISTINGS), read_links(artefacts.LINKS / "train.parquet")
        return TrainingSet.annotated(listings, Content(["t"] * 6, [], []), links).product.tolist()

    plain = pd.factorize(np.array(LABEL, object))[0].tolist()
    assert products() == plain == [0, 0, -1, 1, 2, 2]
    assert products("b,c,same,t") == [0, 0, 0, 1, 2, 2]
    assert products("a,b,different,t") == [-1, -1, -1, 1, 2, 2]
    # whatever is said of val and test, training's products are as they were
    assert products("a,d,same,t", "c,e,same,t", "e,f,different,t", "d,e,same,t") == plain


def test_groups_keep_to_what_people_said():
    judged = small.judged()
    said = Links(different=np.array([[3, 4]], np.int32))
    found = grouping.group(judged["full"], small.LISTINGS, Groups(), said)
    assert found[3] != found[4]
    assert grouping.group(judged["full"], small.LISTINGS, Groups())[3] == found[3]
    joined = grouping.group(judged["full"], small.LISTINGS, Groups(), Links(np.array([[0, 4]], np.int32)))
    assert joined[0] == joined[4]
