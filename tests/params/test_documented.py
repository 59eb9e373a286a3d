"""params.yaml says of every key that the schema knows what it does, and is laid out as DVC writes it."""

import re
import shutil
from typing import get_args

import pytest
from dvc.utils.hydra import apply_overrides
from pydantic import BaseModel

from samesku.params import Params, load_params, read_params
from samesku.params.profile import apply_profile, read_profile
from tests.conftest import ROOT

TEXT = (ROOT / "params.yaml").read_text("utf-8")
PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


def sections():
    """Each group of params -> its text, with the comment above it."""
    parts = re.split(r"\n\n(?=(?:#.*\n)*\w+:)", TEXT)[1:]  # after the head of the file
    return {re.search(r"^(\w+):", part, re.M).group(1): part for part in parts}


def models(annotation):
    """The models that an annotation holds, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for inner in get_args(annotation):
        yield from models(inner)


def documented(text):
    """The keys that a group's comments explain: in the list above the group, or by the sentence above a key."""
    keys = set()
    for line in re.findall(r"^#  +([\w, ]+?)  +\S", text, re.M):
        keys |= set(line.split(", "))
    sentence = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            sentence = f"{sentence} {line}"
        elif match := re.match(r" +(\w+):", line):
            if sentence:
                keys.add(match[1])
                keys |= {key for key in re.findall(r"\w+", sentence.lower()) if len(key) > 2}
                last = sentence
            elif match[1] in last.lower():
                keys.add(match[1])
            sentence = ""
    return keys


@pytest.mark.parametrize("group", Params.model_fields)
def test_every_key_is_explained(group):
    annotation = Params.model_fields[group].annotation
    keys = {key for model in models(annotation) for key in model.model_fields}
    elsewhere = documented(sections()["fusion"]) | documented(sections()["decision"])  # as compare says
    assert not keys - documented(sections()[group]) - elsewhere


def test_every_group_begins_with_a_sentence():
    for group, text in sections().items():
        assert re.match(r"# [A-Z].*", text), group


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_dvc_sets_a_value_and_changes_no_other_line(profile, tmp_path):
    """What `dvc exp run -S` does to the file; with the value that it has, nothing."""
    text = TEXT if profile is None else apply_profile(TEXT, read_profile(ROOT / "profiles", profile))
    file = tmp_path / "params.yaml"
    file.write_text(text, "utf-8")
    apply_overrides(file, [f"fusion.alpha={read_params(file)['fusion']['alpha']}"])
    assert file.read_text("utf-8") == text
    apply_overrides(file, ["fusion.alpha=0.25"])
    assert file.read_text("utf-8") == re.sub(r"(?m)^  alpha: .*$", "  alpha: 0.25", text, count=1)
    shutil.rmtree(tmp_path)


def test_a_tower_and_its_channel_are_set_on_one_line(tmp_path):
    """`-S` only sets keys that exist: the channel of the title tower is there with weight 0."""
    file = tmp_path / "params.yaml"
    file.write_text(TEXT, "utf-8")
    apply_overrides(file, ["train.pxk.towers=[image,title]", "fusion.title.pxk_title=1.0"])
    expected = TEXT.replace("    - image\n", "    - image\n    - title\n", 1)
    expected = expected.replace("    pxk_title: 0.0\n", "    pxk_title: 1.0\n", 1)
    assert file.read_text("utf-8") == expected
    params = load_params(file)
    assert params.train["pxk"].towers == ["image", "title"]
    assert params.fusion.title["pxk_title"] == 1


def test_a_small_rate_that_dvc_wrote_is_a_number(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text(TEXT, "utf-8")
    apply_overrides(file, ["train.siamese.head_lr=1e-6"])
    assert "head_lr: 1e-06\n" in file.read_text("utf-8")
    assert load_params(file).train["siamese"].head_lr == 1e-6


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_changes_the_entries_that_it_holds_and_no_other(profile, tmp_path):
    overlay = read_params(ROOT / "profiles" / f"{profile}.yaml")
    before = read_params(ROOT / "params.yaml")
    (tmp_path / "params.yaml").write_text(
        apply_profile(TEXT, read_profile(ROOT / "profiles", profile)), "utf-8"
    )
    after = read_params(tmp_path / "params.yaml")
    assert before.keys() == after.keys()
    for group, entries in after.items():
        expected = before[group] | overlay[group] if overlay.get(group) else overlay.get(group, before[group])
        assert entries == expected, group
