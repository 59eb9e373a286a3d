"""The keys of params.yaml: their types, ranges and what must hold between them.

Checking is not reading: every script checks the whole file, while DVC re-runs a stage only for the groups
that dvc.yaml lists for it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from samesku.params.rerank import Blend, ChannelWeights, Groups, Rerank, Tune
from samesku.params.train import TrainRun, check_start

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]  # a dot would break DVC's stage addresses
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Modality = Literal["image", "title"]
Backend = Literal["open_clip", "timm", "sentence_transformers", "tfidf", "phash"]

#: What each backend can embed.
MODALITIES: dict[str, tuple[str, ...]] = {
    "open_clip": ("image", "title"),
    "timm": ("image",),
    "sentence_transformers": ("title",),
    "tfidf": ("title",),
    "phash": ("image",),
}


class Strict(BaseModel):
    """A group of params: unknown keys are refused, and a string is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Data(Strict):
    source: str
    csv: str = "listings.csv"
    images: str | None = "images"
    n_listings: PositiveInt | None = None
    sample_by: Literal["product", "listing"] = "product"
    seed: Annotated[int, Field(ge=0)] = 0
    image_size: Annotated[int, Field(ge=32, le=2048)] = 256
    max_pixels: PositiveInt = 100_000_000
    max_quarantined: Share = 0.05
    review: Literal["data/review.csv"] | None = None


class Shares(Strict):
    train: Share
    val: Share
    test: Share

    @model_validator(mode="after")
    def _sum_to_one(self) -> Shares:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + val + test is {total:g}; allowed: shares that sum to 1")
        return self


class Split(Strict):
    by: Literal["component", "label_group", "column"] = "component"
    shares: Shares
    seed: Annotated[int, Field(ge=0)] = 0


class Embed(Strict):
    batch_size: PositiveInt = 64
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    engine: Literal["torch", "openvino"] = "torch"


class Channel(Strict):
    """One zero-shot channel: a backend, and where its weights come from."""

    modality: Modality
    backend: Backend
    model: str | None = None
    weights: str | None = None
    revision: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    pooling: Literal["mean", "cls"] | None = None
    dim: Annotated[int, Field(ge=8, le=65536)] | None = None

    @model_validator(mode="after")
    def _fits_backend(self) -> Channel:
        if self.modality not in MODALITIES[self.backend]:
            allowed = " or ".join(MODALITIES[self.backend])
            raise ValueError(f"modality {self.modality} with backend {self.backend}; allowed: {allowed}")
        if self.backend in ("open_clip", "timm", "sentence_transformers"):
            if not self.model:
                raise ValueError(f"model is missing; backend {self.backend} needs the name of one")
            if self.dim is not None:
                raise ValueError("dim is given; allowed with backends tfidf and phash")
        elif self.model or self.weights or self.revision or self.sha256:
            raise ValueError(
                f"backend {self.backend} has no weights; allowed: no model, weights, revision, sha256"
            )
        if self.backend == "tfidf" and self.dim is None:
            raise ValueError("dim is missing; backend tfidf needs the width of its row, 8 to 65536")
        if self.backend == "phash" and self.dim is not None and self.dim > 41_664:
            raise ValueError(f"dim is {self.dim}; allowed with backend phash: 8 to 41664, or null")
        if self.pooling and self.backend != "sentence_transformers":
            raise ValueError("pooling is given; allowed with backend sentence_transformers alone")
        return self


class Fusion(ChannelWeights):
    """`fusion`, and a mix of the table: how the channels become one row."""

    method: Literal["concat", "average"] = "concat"


class Index(Strict):
    k: Annotated[int, Field(ge=1, le=10_000)] = 50
    kind: Annotated[str, Field(pattern=r"^[A-Za-z0-9_,()]+$")] = "flat"
    effort: Annotated[int, Field(ge=1, le=4096)] = 64
    min_recall: Share = 0.99
    blend: Blend = Blend()


class Decision(Strict):
    """Which neighbours are matches: a threshold on the score, or one for each query (mean + m · std)."""

    kind: Literal["static", "dynamic"] = "static"
    value: float | Literal["tune"] = "tune"
    at_least_one: bool = False
    floor: float | None = None

    @model_validator(mode="after")
    def _floor_is_used(self) -> Decision:
        if self.floor is not None and not self.at_least_one:
            raise ValueError("floor is given without at_least_one; allowed: both, or no floor")
        return self


class CompareSystem(Strict):
    """Another system of the table: one image channel, one title channel, α (1 is image alone).

    Of a list of α, the one that is best on val is taken.
    """

    image: Name
    title: Name
    alpha: Share | Annotated[list[Share], Field(min_length=2)]
    method: Literal["concat", "average"] = "concat"
    decision: Decision


class Mix(Strict):
    """Another system of the table that weighs the channels of `fusion` otherwise; α as CompareSystem."""

    image: dict[Name, Weight]
    title: dict[Name, Weight]
    alpha: Share | Annotated[list[Share], Field(min_length=2)]
    method: Literal["concat", "average"] = "concat"
    decision: Decision

    @model_validator(mode="after")
    def _some_weight(self) -> Mix:
        for alpha in alphas(self.alpha):
            Fusion(alpha=alpha, method=self.method, image=self.image, title=self.title)
        return self


def alphas(given: float | list[float]) -> list[float]:
    """The α of a system: one, or those that val chooses from."""
    return given if isinstance(given, list) else [given]


class Machine(Strict):
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    workers: Annotated[int, Field(ge=0, le=256)] = 2
    threads: Annotated[int, Field(ge=1, le=1024)] = 2
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    engine: Literal["local", "ray"] = "local"
    address: Annotated[str, Field(pattern=r"^(auto|(ray://)?[^\s/:]+:\d{1,5})$")] | None = None


class Params(Strict):
    data: Data
    split: Split
    embed: Embed
    channels: dict[Name, Channel]
    train: dict[Name, TrainRun] = {}
    fusion: Fusion
    index: Index
    decision: Decision
    groups: Groups = Groups()
    compare: dict[Name, CompareSystem]
    mixes: dict[Name, Mix] = {}
    tune: Tune
    rerank: Rerank
    machine: Machine

    def modality_of(self) -> dict[str, str]:
        """Every array that can be fused -> its modality: the channels, and two for each training run."""
        found: dict[str, str] = {name: channel.modality for name, channel in self.channels.items()}
        for run in self.train:
            found |= {f"{run}_image": "image", f"{run}_title": "title"}
        return found

    @model_validator(mode="after")
    def _names_exist(self) -> Params:
        modality = self.modality_of()
        uses = [
            (f"fusion.{side}", side, name)
            for side in ("image", "title")
            for name in getattr(self.fusion, side)
        ]
        for side in ("image", "title"):
            uses += [(f"tune.{side}", side, name) for name in getattr(self.tune, side)]
            uses += [(f"rerank.fusion.{side}", side, name) for name in getattr(self.rerank.fusion, side)]
        for name, mix in self.mixes.items():
            for side, weights in (("image", mix.image), ("title", mix.title)):
                uses += [(f"mixes.{name}.{side}", side, channel) for channel in weights]
        for system, spec in self.compare.items():
            uses += [(f"compare.{system}.{side}", side, getattr(spec, side)) for side in ("image", "title")]
        for key, side, name in uses:
            allowed = ", ".join(sorted(n for n, m in modality.items() if m == side)) or "none is configured"
            if modality.get(name) != side:
                raise ValueError(f"{key} names {name}, which is no {side} channel; allowed: {allowed}")
        for run, starts in self.train.items():
            check_start(run, starts, self.channels)
        # Each writes data/models/<name>, and a run data/embeddings/<name>_image and _title.
        taken = {
            *self.train,
            *(f"{run}_{side}" for run in self.train for side in ("image", "title")),
            "rerank",
        }
        if clash := sorted(taken & set(self.channels)):
            raise ValueError(
                f"channels.{clash[0]} has a name that is taken by training or rerank; allowed: another"
            )
        own = {"samesku", "tuned", "tuned_blended", "tuned_blended_one", "rerank"}
        for key, names, others in (
            ("compare", set(self.compare), own),
            ("mixes", set(self.mixes), own | set(self.compare)),
        ):
            if clash := sorted(others & names):
                raise ValueError(
                    f"{key}.{clash[0]} has the name of a row of another stage; allowed: another name"
                )
        return self
