"""Profiles: entries of params.yaml replaced as text, so that comments and layout stay."""

import pytest
import yaml

from samesku.errors import InputError
from samesku.params.profile import apply_profile, read_profile

PARAMS = """\
# The head.

# Where the catalogue is.
data:
  # A folder.
  source: here
  # How many.
  n_listings: 10

# Runs.
train:
  # The first.
  first:
    epochs: 1
    # Inside.
    lr: 0.1
  second:
    epochs: 2

machine:
  threads: 2
"""


def test_an_entry_is_replaced_whole_and_keeps_its_comment():
    assert apply_profile(PARAMS, "train:\n  first:\n    epochs: 7\n") == PARAMS.replace(
        "    epochs: 1\n    # Inside.\n    lr: 0.1\n", "    epochs: 7\n"
    )


def test_a_comment_of_the_profile_takes_the_place_of_the_comment_above():
    changed = apply_profile(PARAMS, "# Of the profile.\n\ndata:\n  # A URL.\n  source: there\n")
    assert changed == PARAMS.replace("  # A folder.\n  source: here\n", "  # A URL.\n  source: there\n")


def test_a_new_entry_stands_at_the_end_of_its_group():
    changed = apply_profile(PARAMS, "train:\n  third:\n    epochs: 3\n")
    assert changed == PARAMS.replace("    epochs: 2\n", "    epochs: 2\n  third:\n    epochs: 3\n")


def test_an_empty_group_loses_its_entries_and_no_other_line():
    changed = apply_profile(PARAMS, "train: {}\n")
    assert "# Runs.\ntrain: {}\n\nmachine:\n  threads: 2\n" in changed
    assert yaml.safe_load(changed)["data"] == {"source": "here", "n_listings": 10}


def test_unknown_groups_and_profiles_are_refused_with_what_there_is(tmp_path):
    with pytest.raises(InputError, match=r"group dada, .*; allowed: data, train, machine"):
        apply_profile(PARAMS, "dada:\n  source: x\n")
    (tmp_path / "quick.yaml").write_text("train: {}\n")
    assert read_profile(tmp_path, "quick") == "train: {}\n"
    with pytest.raises(InputError, match="there is no profile fast; allowed: quick"):
        read_profile(tmp_path, "fast")
