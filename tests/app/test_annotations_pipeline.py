"""Annotations through the real stages: they move groups, and no metric of test."""

import pyarrow.parquet as pq
import yaml

from samesku import artefacts
from samesku.annotations.file import Annotation, format_annotations, sort_pair
from samesku.params import read_params
from stages import annotations, evaluate


def test_annotations_of_test_listings_move_groups_alone(shop_copy):
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
        names = ["metrics.json", "submission.csv", "matches.parquet", "queries.parquet"]
        files = [*(system / name for name in names), artefacts.METRICS / "samesku.json"]
        return [path.read_bytes() for path in [*files, artefacts.LINKS / "train.parquet"]]

    before, groups = outs(), group_of()
    apart = next((a, b) for a in test for b in train if groups[a] != groups[b])
    together = next((a, b) for a in test for b in split if a < b and groups[a] == groups[b])
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
