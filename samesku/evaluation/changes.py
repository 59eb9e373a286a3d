"""What became of the products between two runs: listings that joined or left one, products that merged or split."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

#: Kinds of change, in the order in which they are listed.
KINDS = ("merged", "split", "joined", "left", "moved", "added", "removed")


class Change(NamedTuple):
    """A row of the CSV.

    Attributes:
        change: of KINDS. posting_id: the listing; "" where the change is of products.
        before, after: the products, each named by its smallest posting_id, several with a space between; "" for none.
        listings_before, listings_after: how many listings these products have together.
    """

    change: str
    posting_id: str
    before: str
    after: str
    listings_before: int
    listings_after: int


def find_changes(before: Mapping[str, int], after: Mapping[str, int]) -> list[Change]:
    """The changes between two runs, products first.

    A product goes on in the one that has most of its listings. Products merge where blocks of two or more listings of
    different products come together; a product splits where its listings form several such blocks. A listing that
    changes alone joins a product, leaves it, or moves from one to another. `added` and `removed` are listings of one
    run alone.

    Args:
        before, after: posting_id -> number of its group.
    """
    old, new = _Products(before), _Products(after)
    common = [name for name in sorted(before) if name in after]
    shared = Counter((before[name], after[name]) for name in common)
    stayed, came = Counter(before[name] for name in common), Counter(after[name] for name in common)
    successor = _follow(shared, old, new)
    changes = []
    sources, targets = defaultdict(list), defaultdict(list)
    for (a, b), count in shared.items():
        if count > 1:
            sources[b].append(a)
            targets[a].append(b)
    changes += [_row("merged", "", old, groups, new, [b]) for b, groups in sources.items() if len(groups) > 1]
    changes += [_row("split", "", old, [a], new, groups) for a, groups in targets.items() if len(groups) > 1]
    for name in common:
        a, b = before[name], after[name]
        if successor.get(a) != b and shared[a, b] == 1:
            left, joined = stayed[a] > 1, came[b] > 1
            kind = "moved" if left and joined else "left" if left else "joined"
            changes.append(_row(kind, name, old, [a], new, [b]))
    changes += [_row("added", name, old, [], new, [b]) for name, b in after.items() if name not in before]
    changes += [_row("removed", name, old, [a], new, []) for name, a in before.items() if name not in after]
    return sorted(changes, key=lambda row: (KINDS.index(row.change), row.posting_id, row.before, row.after))


def list_products(group: Mapping[str, int]) -> dict[str, list[str]]:
    """The listings of each product in the order of their ids, by its name: its smallest posting_id."""
    members: dict[int, list[str]] = defaultdict(list)
    for listing in sorted(group):
        members[group[listing]].append(listing)
    return {listings[0]: listings for listings in members.values()}


class _Products:
    """The groups of one run: the name and the size of each."""

    def __init__(self, group: Mapping[str, int]) -> None:
        self.size = Counter(group.values())
        self.name = {group[name]: name for name in list_products(group)}


def _follow(shared: Counter[tuple[int, int]], old: _Products, new: _Products) -> dict[int, int]:
    """Group before -> the group after in which it goes on: most listings first, each group once."""
    successor: dict[int, int] = {}
    taken = set()
    for a, b in sorted(shared, key=lambda pair: (-shared[pair], old.name[pair[0]], new.name[pair[1]])):
        if a not in successor and b not in taken:
            successor[a] = b
            taken.add(b)
    return successor


def _row(kind: str, name: str, old: _Products, before: list[int], new: _Products, after: list[int]) -> Change:
    names, sizes = [], []
    for products, groups in ((old, before), (new, after)):
        names.append(" ".join(sorted(products.name[group] for group in groups)))
        sizes.append(sum(products.size[group] for group in groups))
    return Change(kind, name, names[0], names[1], sizes[0], sizes[1])


def describe_changes(changes: list[Change]) -> str:
    """How many changes of each kind there are, in one line."""
    count = Counter(row.change for row in changes)
    return ", ".join(f"{count[kind]:,} {kind}" for kind in KINDS if count[kind]) or "no change"
