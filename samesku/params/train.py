"""The keys of one training run, `train.<run>` of params.yaml: types, ranges, what must hold between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
ChannelName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Loss = Literal["infonce", "arcface", "triplet", "contrastive", "image_text"]

#: The backends whose encoders are networks that can be trained, for each modality.
TRAINABLE = {"image": ("open_clip", "timm"), "title": ("open_clip", "sentence_transformers")}
#: The margin of each loss that has one, where none is given, and the largest that means anything.
MARGINS: dict[str, tuple[float, float]] = {
    "arcface": (28.6, 90),
    "triplet": (0.2, 2),
    "contrastive": (1.0, 2),
}


class Strict(BaseModel):
    """A group of params: unknown keys are refused, and a string is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Augment(Strict):
    """What is changed at random in a training listing, each time that it is drawn."""

    crop: Annotated[float, Field(gt=0, le=1)] = 0.7  # smallest share of the picture's area that is kept
    flip: Share = 0.5  # share of pictures mirrored
    jitter: Share = 0.2  # brightness, contrast and saturation, each by up to this share
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0  # in turns of the colour wheel
    words: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of a title's words left out


class TrainRun(Strict):
    """One training run: which towers, from which channels, which loss, which batches, for how long."""

    towers: Annotated[list[Literal["image", "title"]], Field(min_length=1, max_length=2)]
    image: ChannelName | None = None  # the zero-shot channel that the image tower starts from
    title: ChannelName | None = None
    head_dim: Annotated[int, Field(ge=2, le=8192)] | None = None  # a linear projection; null for none

    loss: Loss = "infonce"
    temperature: Annotated[float, Field(ge=0.001, le=10)] = 0.07
    learnable_temperature: bool = False
    margin: Annotated[float, Field(gt=0, le=90)] | None = None  # null: the loss's own
    scale: Positive = 64.0  # arcface: inverse temperature
    cross_modal: NotNegative = 0.0  # weight of the terms between a product's titles and its pictures

    sampler: Literal["pk", "pairs", "listings"] = "pk"
    P: Annotated[int, Field(ge=2, le=65_536)] = 16  # products of a batch
    K: Annotated[int, Field(ge=2, le=65_536)] = 4  # listings of each
    batch_size: Annotated[int, Field(ge=2, le=65_536)] | None = None  # sampler listings
    augment: Augment | None = Augment()

    epochs: PositiveInt = 3
    max_steps: PositiveInt | None = None
    patience: PositiveInt | None = None  # epochs without a better val f1 before the run ends
    head_epochs: Annotated[int, Field(ge=0)] = 0  # epochs in which the head is trained alone
    unfreeze_blocks: Annotated[int, Field(ge=0)] | Literal["all"] = 3  # of the trunk, counted from its end
    batch_norm: Literal["frozen", "train"] = "frozen"  # statistics of the freed blocks

    lr: Positive = 1e-4
    head_lr: Positive = 1e-3
    weight_decay: NotNegative = 0.01
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1  # share of the steps in which the rates rise
    clip_norm: Positive = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="after")
    def _towers(self) -> TrainRun:
        if len(set(self.towers)) != len(self.towers):
            raise ValueError("towers names a tower twice; allowed: image, title, or both once")
        for side in self.towers:
            if getattr(self, side) is None:
                raise ValueError(f"{side} is missing; tower {side} needs the channel that it starts from")
        if self.cross_modal and len(self.towers) < 2:
            raise ValueError(
                f"cross_modal is {self.cross_modal:g} with one tower; allowed: 0, or both towers"
            )
        if self.head_epochs and self.head_dim is None:
            raise ValueError(f"head_epochs is {self.head_epochs} without a head; allowed: 0, or a head_dim")
        if self.unfreeze_blocks == 0 and self.head_dim is None:
            raise ValueError(
                "unfreeze_blocks is 0 without a head, which leaves nothing to train; give a head_dim"
            )
        return self

    @model_validator(mode="after")
    def _loss_has_what_it_needs(self) -> TrainRun:
        if self.loss == "image_text" and len(self.towers) < 2:
            raise ValueError(f"loss image_text with towers {self.towers}; allowed: both image and title")
        if (self.loss == "image_text") != (self.sampler == "listings"):
            raise ValueError(
                f"loss {self.loss} with sampler {self.sampler}; allowed: image_text with listings, "
                "infonce, arcface and triplet with pk, contrastive with pk or pairs"
            )
        if self.sampler == "pairs" and self.loss != "contrastive":
            raise ValueError(f"sampler pairs with loss {self.loss}; allowed: contrastive")
        if (self.batch_size is not None) != (self.sampler == "listings"):
            raise ValueError(
                "batch_size goes with sampler listings, and with it alone; P and K size the others"
            )
        if self.cross_modal and self.loss in ("arcface", "image_text"):
            raise ValueError(f"cross_modal is {self.cross_modal:g} with loss {self.loss}; allowed: 0")
        if self.learnable_temperature and self.loss not in ("infonce", "image_text"):
            raise ValueError(f"learnable_temperature with loss {self.loss}; allowed: infonce, image_text")
        if self.margin is not None:
            if self.loss not in MARGINS:
                raise ValueError(
                    f"margin is {self.margin:g} with loss {self.loss}, which has none; allowed: null"
                )
            if self.margin > MARGINS[self.loss][1]:
                raise ValueError(
                    f"margin is {self.margin:g}; allowed with {self.loss}: up to {MARGINS[self.loss][1]:g}"
                )
        return self


class _Channel(Protocol):
    @property
    def modality(self) -> str: ...
    @property
    def backend(self) -> str: ...


def check_start(name: str, run: TrainRun, channels: Mapping[str, _Channel]) -> None:
    """Check that the channels which `train.<name>` starts from exist, fit their tower and can be trained.

    Raises:
        ValueError: one sentence with key, value and what is allowed.
    """
    for side in run.towers:
        start = getattr(run, side)
        allowed = sorted(
            c for c, spec in channels.items() if spec.modality == side and spec.backend in TRAINABLE[side]
        )
        if start not in allowed:
            raise ValueError(
                f"train.{name}.{side} is {start}, from which no {side} tower can start; "
                f"allowed: {', '.join(allowed) or 'no channel that is configured'}"
            )
