"""params.yaml as shipped says of every key that the schema knows what it does."""

import re
from collections import Counter
from typing import get_args

import pytest
from pydantic import BaseModel

from samesku.params import Params
from tests.conftest import ROOT

TEXT = (ROOT / "params.yaml").read_text("utf-8")


def sections():
    """Each top-level group -> its text, with the comment that stands above it."""
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


def keys(group):
    return {key for m in models(Params.model_fields[group].annotation) for key in m.model_fields}


#: Keys of several groups, which one of them documents for all (`alpha` of compare is that of fusion).
SHARED = Counter(key for group in Params.model_fields for key in keys(group))


def documented(key, text):
    """`key: value  # what it does`, or in a comment `# key: what it does`."""
    return re.search(rf"^ *{key}:.*# *\w|^ *# +{key}: \S", text, re.M)


@pytest.mark.parametrize("group", Params.model_fields)
def test_every_key_is_documented(group):
    own = sections()[group]
    missing = {
        key
        for key in keys(group)
        if not documented(key, own) and not (SHARED[key] > 1 and documented(key, TEXT))
    }
    assert not missing, f"params.yaml, {group}: no comment says what these do: {sorted(missing)}"


def test_every_group_says_whose_it_is():
    for group, text in sections().items():
        assert text.startswith("#"), group
