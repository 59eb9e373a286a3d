"""The registry of encoders: what each backend can embed. Pure data; it imports nothing of the project.

A new backend is one file, samesku/encoders/<name>.py, and one entry here.
"""

from dataclasses import dataclass


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
