"""The registry of encoders: what each backend can embed. It imports nothing of the project.

A new backend is one file, samesku/encoders/<name>.py. It needs an entry here only where it is a network, can
be trained, or embeds one modality alone.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Backend:
    """What params.yaml may ask of a backend.

    Attributes:
        modalities: what it can embed, "image" or "title".
        trainable: the modalities of the towers that can be trained from it.
        is_network: whether it has weights and is run by torch.
        needs: the column of a listing that it embeds: "title", "image" or "image_phash"; None: the modality's.
    """

    modalities: tuple[str, ...]
    trainable: tuple[str, ...] = ()
    is_network: bool = False
    needs: str | None = None


BACKENDS = {
    "open_clip": Backend(("image", "title"), trainable=("image", "title"), is_network=True),
    "timm": Backend(("image",), trainable=("image",), is_network=True),
    "sentence_transformers": Backend(("title",), trainable=("title",), is_network=True),
    "tfidf": Backend(("title",)),
    "phash": Backend(("image",), needs="image_phash"),
}
ENCODERS = Path(__file__).parents[1] / "encoders"
BACKENDS |= {
    file.stem: Backend(("image", "title"))
    for file in sorted(ENCODERS.glob("[a-z]*.py"))
    if file.stem not in (*BACKENDS, "registry")
}
