"""Annotations through the real stages: they move groups and lists of matches, and no metric of test."""

import csv

import pandas as pd
import pyarrow.parquet as pq
import yaml

from samesku import artefacts
from samesku.annotations.file import Annotation, format_annotations, sort_pair
from samesku.app.report.catalogue import read_catalogue
from samesku.app.report.pairs import read_matches
from samesku.params import read_params
from stages import annotations, evaluate


def test_annotations_of_test_listings_move_groups_and_lists_and_no_metric(shop_copy):
    rows = pq.read_table(artefacts.LISTINGS, columns=["posting_id", "split"]).to_pylist()
    split = {row["posting_id"]: row["split"] for row in rows}
    test = [name for name in split if split[name] == "test"]
    train = [name for name in split if split[name] == "train"]
    system = artefacts.PREDICTIONS / "samesku"

    def group_of():
        return {
            row["posting_id"]: row["group"] for row in pq.read_table(system / "groups.parquet").to_pylist()
        }

    def outs():
        files = [system / "metrics.json", system / "queries.parquet", artefacts.METRICS / "samesku.json"]
        return [path.read_bytes() for path in [*files, artefacts.LINKS / "train.parquet"]]

    def lists():
        with (system / "submission.csv").open(newline="") as file:
            return {row["posting_id"]: row["matches"].split(" ") for row in csv.DictReader(file)}

    def matches():
        return pd.read_parquet(system / "matches.parquet")

    before, groups, decided = outs(), group_of(), matches()
    apart = next((a, b) for a in test for b in train if groups[a] != groups[b])
    together = next((a, b) for a in test for b in lists()[a] if a < b and groups[a] == groups[b])
    answers = {sort_pair(*apart): Annotation("same", "t"), sort_pair(*together): Annotation("different", "t")}
    artefacts.ANNOTATIONS.write_bytes(format_annotations(answers))
    params = read_params(shop_copy / "params.yaml")
    params["data"]["annotations"] = "data/annotations.csv"
    (shop_copy / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    annotations.main()
    evaluate.main()
    assert outs() == before  # train.parquet too, which is all of it that training sees
    now = group_of()
    assert now[apart[0]] == now[apart[1]]
    assert now[together[0]] != now[together[1]]
    (a, b), (c, d) = apart, together
    assert (lists()[a][-1], lists()[b][-1]) == (b, a)
    assert d not in lists()[c]
    assert c not in lists()[d]
    annotated = matches()
    annotation = annotated.set_index(["query", "match"])["annotation"].to_dict()
    del annotated["annotation"]
    pd.testing.assert_frame_equal(annotated, decided)
    assert annotation[together] == "different"
    assert (a, b) not in annotation
    assert {*annotation.values()} == {"", "different"}
    assert len(read_matches("samesku", read_catalogue())) == len(annotated)  # the pages read such a file
