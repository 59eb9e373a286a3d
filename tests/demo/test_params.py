"""Params that cannot be used stop with one sentence."""

from pathlib import Path

import pytest

from data.demo.params import Params, load
from samesku.errors import InputError


def test_shipped_file_is_the_default() -> None:
    assert load(Path(__file__).parents[2] / "data/demo/params.yaml") == Params()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("products: 0", "products is 0; allowed: a whole number"),
        ("products: many", "products is 'many'"),
        ("reuse: 1.5", "reuse is 1.5; allowed: a share, 0 to 1"),
        ("colours: 3", "colours is no key"),
        ("seed: [", "cannot be read as YAML"),
        ("- 1", "holds no keys"),
    ],
)
def test_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(InputError, match=sentence.replace("[", r"\[")):
        load(tmp_path / "params.yaml")
