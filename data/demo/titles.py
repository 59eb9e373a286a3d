"""Titles as sellers write them: Indonesian and English, shuffled, misspelt, shouted, decorated."""

from __future__ import annotations

import re

import numpy as np

from data.demo.params import Params
from data.demo.products import Family, Product
from data.demo.words import CLOSERS, OPENERS, SHOPS, SIGNS

STOCK = 0.3  # share of the titles made from the maker's wording
COPIED = 0.15  # share of the families in which one title stands on two siblings


def wordings(family: Family, params: Params) -> list[list[str]]:
    """The titles of each product's listings; now and then one is copied from a sibling's as it stands."""
    titles: list[list[str]] = []
    for product in family.products:
        titles.append([])
        for view in range(product.listings):
            rng = np.random.default_rng([params.seed, 10, product.number, view])
            titles[-1].append(title(product, rng, shop(params, product.number, view)))
    if len(titles) > 1 and np.random.default_rng([params.seed, 11, family.number]).random() < COPIED:
        titles[-1][-1] = titles[0][0]
    return titles


def shop(params: Params, product: int, view: int) -> str:
    """Who posts a listing."""
    return _one(SHOPS, np.random.default_rng([params.seed, 12, product, view]))


def title(product: Product, rng: np.random.Generator, seller: str) -> str:
    """One seller's title of a product; some leave out what would tell it from its siblings."""

    def chance(share: float) -> bool:
        return bool(rng.random() < share)

    # Many copy the maker's wording, which is the same for all siblings but for what they differ in.
    words = _words(product, product.look.art_rng()) if chance(STOCK) else _words(product, rng)
    if chance(0.1):
        words = words[1:] + words[:1]
    if len(words) > 3 and chance(0.2):
        words.pop(int(rng.integers(2, len(words))))
    joint = str(rng.choice([" ", " - ", " / "]))
    text = joint.join([" ".join(words[:3]), *words[3:]]) if chance(0.3) else " ".join(words)
    if chance(0.25):
        text = f"{_one(OPENERS, rng)} {text}"
    for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15]))):
        text = f"{text} {_one(CLOSERS, rng)}"
    if chance(0.06):
        text = f"{text} - {seller}"
    case = rng.random()
    text = (
        text.upper() if case < 0.19 else text.title() if case < 0.3 else text.lower() if case < 0.33 else text
    )
    if chance(0.05):
        sign = _one(SIGNS, rng)
        text = f"{sign} {text}" if chance(0.5) else f"{sign}{text}{sign}"
        if chance(0.7):
            text = escaped(text)
    return text


def _words(product: Product, rng: np.random.Generator) -> list[str]:
    """What is said of the product, in one tongue or the other, in an order that people use; some left out."""

    def chance(share: float) -> bool:
        return bool(rng.random() < share)

    tongue = int(chance(0.4))  # 0 Indonesian, 1 English
    head = [_one(product.kind.names, rng)]
    if chance(0.72):
        brand = product.look.brand if chance(0.88) else misspelt(product.look.brand, rng)
        head.insert(0 if chance(0.75) else 1, brand)
    if chance(0.6):
        head.insert(int(rng.integers(1, len(head) + 1)), product.look.line)
    said = [
        (product.flavor[tongue], 0.78), (product.model if chance(0.7) else squeezed(product.model), 0.78),
        (product.color[tongue], 0.6), (measured(product.size, rng), 0.72),
    ]  # fmt: skip
    tail = [text for text, share in said if text and chance(share)]
    tail += [feature for feature in product.features if chance(0.5)]
    if chance(0.2):
        tail.insert(0, _one(product.kind.names, rng))
    if chance(0.35):
        rng.shuffle(tail)
    return list(dict.fromkeys([*head, *tail]))


def _one(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return str(words[int(rng.integers(len(words)))])


def misspelt(name: str, rng: np.random.Generator) -> str:
    """A letter dropped, doubled or swapped with the next, or a vowel heard as another."""
    at = int(rng.integers(1, len(name) - 1))
    match int(rng.integers(4)):
        case 0:
            return name[:at] + name[at + 1 :]
        case 1:
            return name[:at] + name[at] + name[at:]
        case 2:
            return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        case _:
            swap = str.maketrans(
                {"a": "e", "e": "a", "i": "y", "o": "u", "u": "o", "v": "f", "q": "k", "z": "s"}
            )
            return name[0] + name[1:].translate(swap)


def squeezed(model: str) -> str:
    """`KX-21` -> `KX21`."""
    return re.sub(r"[- ]", "", model)


def measured(size: str, rng: np.random.Generator) -> str:
    """A size in one of its spellings: `500 ml` -> `500ml`, `500 ML`, `0,5 L`…"""
    found = re.fullmatch(r"(\d+) (ml|g|kg|mAh|W|cm|s)(.*)", size)
    if not found:
        return size
    number, unit, rest = int(found[1]), found[2], found[3]
    ways = [f"{number}{unit}", f"{number} {unit}", f"{number} {unit.upper()}", f"{number}{unit.upper()}"]
    if unit == "ml" and number >= 250:
        ways.append(f"{number / 1000:g}".replace(".", ",") + str(rng.choice([" L", " Liter", "L"])))
    if unit == "g":
        ways += [f"{number}gr", f"{number} gr", f"{number} gram"]
        if number >= 250:
            ways.append(f"{number / 1000:g}".replace(".", ",") + str(rng.choice([" kg", "kg"])))
    if unit == "mAh":
        ways += [f"{number // 1000}.000 mAh", f"{number // 1000}K mAh"]
    if unit == "W":
        ways += [f"{number} Watt", f"{number}watt"]
    if unit == "s":
        ways = [f"isi {number}", f"{number}'s", f"{number} pcs", f"{number}s"]
    return str(ways[int(rng.integers(len(ways)))]) + rest


def escaped(text: str) -> str:
    r"""Write what is not ASCII as literal byte escapes, as the real data has it: ★ -> `\xe2\x98\x85`."""
    return "".join(ch if ch.isascii() else "".join(f"\\x{b:02x}" for b in ch.encode()) for ch in text)
