"""A model file is checked before LightGBM reads it: a damaged one would end the process, or answer nonsense."""

import lightgbm
import numpy as np
import pytest

from samesku.pairs.booster_file import read_booster

RANDOM = np.random.default_rng(0)
VALUES = RANDOM.normal(size=(400, 3)).astype(np.float32)
VALUES[::7, 1] = np.nan


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    labels = (np.nan_to_num(VALUES[:, 1]) + VALUES[:, 0] > 0).astype(int)
    settings = {"objective": "binary", "num_leaves": 8, "verbosity": -1, "min_data_in_leaf": 5}
    model = lightgbm.train(settings, lightgbm.Dataset(VALUES, labels), 12)
    file = tmp_path_factory.mktemp("model") / "pair_0.txt"
    model.save_model(file)
    return file


def test_a_whole_model_is_read(whole):
    expected = lightgbm.Booster(model_file=whole).predict(VALUES)
    np.testing.assert_array_equal(read_booster(whole).predict(VALUES), expected)


def test_a_model_without_a_split_is_read(tmp_path):
    dataset = lightgbm.Dataset(VALUES, np.r_[0, 1, np.zeros(398)])
    settings = {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 500}
    lightgbm.train(settings, dataset, 3).save_model(tmp_path / "pair_0.txt")
    assert len(set(read_booster(tmp_path / "pair_0.txt").predict(VALUES))) == 1


def change(name, edit):
    """Edit the numbers of a line of the first tree without changing the size of the tree."""

    def damage(content):
        begin = content.index(b"\n" + name + b"=", content.index(b"Tree=0\n")) + len(name) + 2
        end = content.index(b"\n", begin)
        line = edit(content[begin:end]).ljust(end - begin)
        assert len(line) == end - begin
        assert line != content[begin:end]
        return content[:begin] + line + content[end:]

    return damage


def first(number):
    return lambda line: number + b" " + line.split(b" ", 1)[1][: len(line) - len(number) - 1]


DAMAGE = {
    "nothing": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "another format": lambda content: b"PAR1" + content,
    "no head": lambda content: content[content.index(b"Tree=0") :],
    "a range too few": lambda content: content.replace(b"] [", b"]_[", 1),
    "another objective": lambda content: content.replace(b"binary sigmoid", b"binary sigmoix", 1),
    "zeros in the head": lambda content: content.replace(b"version=v4", bytes(10), 1),
    "no last tree": lambda content: content[: content.index(b"Tree=11")] + content[content.index(b"end of") :],
    "one more line": lambda content: content.replace(b"\nshrinkage=", b"\na=1\nshrinkage=", 1),
    "a leaf that is NaN": change(b"leaf_value", lambda line: b"nan" + line[line.index(b" ") :]),
    "a leaf too few": change(b"leaf_value", lambda line: line[line.index(b" ") :]),
    "a weight that is no number": change(b"internal_weight", lambda line: line.replace(b" ", b"(", 1)),
    "a count too few": change(b"leaf_count", lambda line: line[line.index(b" ") :]),
    "leaves that are linear": change(b"is_linear", lambda line: b"1"),
    "a number as Python alone writes it": change(b"split_gain", lambda line: b"1_" + line[2:]),
    "a feature outside": change(b"split_feature", lambda line: b"9" + line[1:]),
    "a child outside": change(b"left_child", lambda line: b"9" + line[1:]),
    "a node that is its own child": change(b"left_child", lambda line: b"0" + line[1:]),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_model_is_refused(whole, tmp_path, name):
    file = tmp_path / "pair_3.txt"
    file.write_bytes(DAMAGE[name](whole.read_bytes()))
    with pytest.raises(ValueError, match=r"^pair_3\.txt: "):
        read_booster(file)
