"""What the evidence for a match is called on the pages, and its colour: the same on every page."""

from typing import TypedDict

from samesku.params import Channel, Params, find_modalities


class EvidenceName(TypedDict):
    """`label` in words; `colour`, the number of a colour of page.css (`--evidence-0` to `--evidence-11`)."""

    label: str
    colour: int


#: Label of a channel by its encoder.
BACKENDS = {
    "timm": "Picture",
    "phash": "Exact picture",
    "tfidf": "Words",
    "sentence_transformers": "Meaning of the title",
}
#: Labels of the families of features of the pair model; families of one label are shown as one.
FAMILIES = {
    "base": "Before any evidence",
    "picture": "Exact picture",
    "words": "Words",
    "numbers": "Numbers and sizes",
    "quantities": "Numbers and sizes",
    "codes": "Numbers and sizes",
    "length": "Length of the titles",
    "gtin": "Product number",
    "mpn": "Product number",
    "brand": "Brand",
    "price": "Price",
    "category": "Category",
    "fused": "All channels together",
    "augmented": "All channels together",
    "density": "Similar listings around",
    "pair": "Similar listings around",
    "support": "Similar listings around",
    "missing": "Not in both listings",
    "copy": "Same title and picture",
}
#: Labels by colour. A label that is not here takes one of the remaining colours.
COLOURS = (
    "Picture (trained)",
    "Picture",
    "Exact picture",
    "Meaning of the title",
    "Words",
    "Title (trained)",
    "Numbers and sizes",
    "All channels together",
    "Similar listings around",
)
N_COLOURS = 12


def name_evidence(params: Params) -> dict[str, EvidenceName]:
    """The label and colour of every channel of params.yaml and of every family of features, by name."""
    labels: dict[str, str] = {}
    for name in find_modalities(params):
        channel = params.channels.get(name)
        label = _label_channel(channel) if channel else _label_tower(name)
        labels[name] = f"{label}, {name}" if label in labels.values() else label
    labels |= {name: label for name, label in FAMILIES.items() if name not in labels}
    further = [label for label in dict.fromkeys(labels.values()) if label not in COLOURS]
    n_free = N_COLOURS - len(COLOURS)
    colour = {label: i for i, label in enumerate(COLOURS)}
    colour |= {label: len(COLOURS) + i % n_free for i, label in enumerate(further)}
    return {name: {"label": label, "colour": colour[label]} for name, label in labels.items()}


def _label_channel(channel: Channel) -> str:
    side = "Picture" if channel.modality == "image" else "Title"
    return BACKENDS.get(channel.backend, f"{side} (CLIP)")


def _label_tower(name: str) -> str:
    return "Picture (trained)" if name.endswith("_image") else "Title (trained)"
