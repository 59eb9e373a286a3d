"""The keys of params.yaml with their types and ranges. What must hold between keys is checked in load.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator


@dataclass(frozen=True)
class Words:
    """What a text may be, for messages: its pattern in words."""

    text: str


Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*\Z"),  # a dot would break DVC's stage addresses
    Words("a name of letters, digits and _ that begins with a letter"),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\Z"), Words("64 hex digits, as sha256sum prints them")]
Kind = Annotated[
    str,
    # At HNSW1, and where a number is 0, FAISS ends the process; at NSG2 it does not end.
    Field(
        pattern=r"^(?!.*(?<![0-9])0)(?!.*(HNSW|NSG)1(?![0-9]))(?!.*NSG[2-9](?![0-9]))[A-Za-z0-9_,()]{1,100}\Z"
    ),
    Words("flat, ivf, hnsw, or a string of FAISS's index factory, such as IVF4096,SQ8"),
]
Address = Annotated[
    str,
    Field(pattern=r"^(auto|(ray://)?[^\s/:]+:\d{1,5})\Z"),
    Words("auto, host:port or ray://host:port"),
]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=1_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Seed = Annotated[int, Field(ge=0)]
Steps = Annotated[int, Field(ge=0, le=5)]
Alpha = Share | Annotated[list[Share], Field(min_length=2)]
Folder = Literal["data/embeddings", "data/baselines"]


class Strict(BaseModel):
    """A group of params: unknown keys are refused, and a string is no number."""

    # A group is built with those that hold it, and not by itself too: half of the time of this module's import.
    # Python's patterns can look ahead.
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, defer_build=True, regex_engine="python-re"
    )


Column = Literal[
    "posting_id", "title", "image", "image_phash", "label_group", "split", "source", "brand", "price", "gtin", "mpn",
    "category",
]  # fmt: skip


class Data(Strict):
    """Where the catalogue is, and which listings are taken."""

    source: str
    csv: str = "listings.csv"
    columns: dict[Column, str] = {}
    encoding: str | None = None
    images: str | None = "images"
    n_listings: PositiveInt | None = None
    sample_by: Literal["product", "listing"] = "product"
    seed: Seed = 0
    image_size: Annotated[int, Field(ge=32, le=2048)] = 256
    max_pixels: PositiveInt = 100_000_000
    max_quarantined: Share = 0.05
    annotations: Literal["data/annotations.csv"] | None = None


class Shares(Strict):
    """Shares of the listings in each split."""

    train: Share
    val: Share
    test: Share


class Split(Strict):
    """How listings are split."""

    by: Literal["component", "stable", "label_group", "column"] = "component"
    shares: Shares
    seed: Seed = 0


class Embed(Strict):
    """How networks are run."""

    reproducible: bool = True
    batch_size: PositiveInt = 64
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    engine: Literal["torch", "openvino"] = "torch"


class Channel(Strict):
    """One zero-shot channel: a backend, and where its weights come from."""

    modality: Literal["image", "title"]
    backend: str
    model: str | None = None
    weights: str | None = None
    revision: str | None = None
    sha256: Sha256 | None = None
    pooling: Literal["mean", "cls"] | None = None
    dim: Annotated[int, Field(ge=8, le=65536)] | None = None
    views: Literal[1, 2] = 1
    out: Folder = "data/embeddings"


class Augment(Strict):
    """Random changes of a training listing, made anew each time that it is drawn."""

    crop: Annotated[float, Field(gt=0, le=1)] = 0.7
    flip: Share = 0.5
    jitter: Share = 0.2
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    word_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


#: Defaults of a run of the title tower alone. Most products have two listings, so two of each, and many products.
TITLE_DEFAULTS = {
    "P": 128, "K": 2, "temperature": 0.05, "unfreeze_blocks": "all", "lr": 2e-4, "start_share": 0.3,
}  # fmt: skip


class TrainRun(Strict):
    """One training run: which towers, from which channels, which loss, which batches, for how long.

    Defaults that depend on the towers stand below for runs with an image tower, and in TITLE_DEFAULTS for those
    without one; null takes them.
    """

    towers: Annotated[list[Literal["image", "title"]], Field(min_length=1, max_length=2)]
    image: Name | None = None
    title: Name | None = None
    out: Folder = "data/embeddings"
    head_dim: Annotated[int, Field(ge=2, le=8192)] | None = None

    loss: Literal["infonce", "arcface", "triplet", "contrastive", "image_text"] = "infonce"
    temperature: Annotated[float, Field(ge=0.001, le=10)] = 0.07
    learnable_temperature: bool = False
    margin: Annotated[float, Field(gt=0, le=90)] | None = None
    scale: Positive = 64.0
    cross_modal: NotNegative = 0.0

    sampler: Literal["pk", "pairs", "listings"] = "pk"
    P: Annotated[int, Field(ge=2, le=65_536)] = 16
    K: Annotated[int, Field(ge=2, le=65_536)] = 4
    hard_negatives: Annotated[int, Field(ge=0, le=1000)] = 0
    batch_size: Annotated[int, Field(ge=2, le=65_536)] | None = None
    augment: Augment | None = Augment()
    image_size: Annotated[int, Field(ge=32, le=2048)] | None = None
    views: Literal[1, 2] | None = None

    epochs: PositiveInt = 3
    max_steps: PositiveInt | None = None
    patience: PositiveInt | None = None
    keep: Literal["best", "last"] = "best"
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    start_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    head_epochs: Annotated[int, Field(ge=0)] = 0
    unfreeze_blocks: Annotated[int, Field(ge=0)] | Literal["all"] = 3
    batch_norm: Literal["frozen", "train"] = "frozen"

    lr: Positive = 1e-4
    head_lr: Positive = 1e-3
    weight_decay: NotNegative = 0.01
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    clip_norm: Positive = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    reuse: Literal["none", "weights"] = "none"
    reuse_share: Share = 0.05

    @model_validator(mode="before")
    @classmethod
    def _take_defaults_of_towers(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        given = {
            key: value for key, value in values.items() if key not in TITLE_DEFAULTS or value is not None
        }
        return TITLE_DEFAULTS | given if values.get("towers") == ["title"] else given


class Fusion(Strict):
    """How channels become one score: weights within each modality, and the weight of the pictures."""

    alpha: Share
    method: Literal["concat", "average"] = "concat"
    image: dict[Name, NotNegative] = {}
    title: dict[Name, NotNegative] = {}


class LearnedFusion(Strict):
    """A row whose fusion is learned: the weights that it starts from, the network, and its P x K training."""

    kind: Literal["gated", "attention"]
    alpha: Share
    image: dict[Name, NotNegative] = {}
    title: dict[Name, NotNegative] = {}
    width: Literal[16, 32, 64, 128, 256] = 64
    P: Annotated[int, Field(ge=2, le=65_536)] = 128
    K: Annotated[int, Field(ge=2, le=65_536)] = 4
    temperature: Annotated[float, Field(ge=0.001, le=10)] = 0.03
    epochs: PositiveInt = 6
    lr: Positive = 1e-3
    weight_decay: NotNegative = 0.01
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class Augmentation(Strict):
    """Database-side augmentation of the fused rows.

    Attributes:
        threshold: the score from which a neighbour takes part. neighbours: how many of the nearest at most; None: all.
    """

    steps: Steps = 0
    threshold: Cosine = 0.5
    neighbours: PositiveInt | None = None


class Match(Strict):
    """Which pairs of listings may be matches."""

    link: Literal["all", "across", "within"] = "all"
    one_to_one: bool = False
    rules: bool = False


class Index(Strict):
    """The search for neighbours."""

    k: Annotated[int, Field(ge=1, le=10_000)] = 50
    kind: Kind = "flat"
    effort: Annotated[int, Field(ge=1, le=4096)] = 64
    min_recall: Share = 0.99
    augmentation: Augmentation = Augmentation()


class Decision(Strict):
    """Which neighbours are matches: a threshold on the score, or one for each query (mean + value x std)."""

    kind: Literal["static", "dynamic"] = "static"
    value: Finite | Literal["tune"] = "tune"
    at_least_one: bool = False
    min_score: Cosine | None = None


class Groups(Strict):
    """When matches become one group."""

    link_density: Share = 0.5
    max_size: PositiveInt = 100


class CompareSystem(Strict):
    """A baseline or variant: a fusion and a decision. Of several alpha, the best on val is taken."""

    image: dict[Name, NotNegative] = {}
    title: dict[Name, NotNegative] = {}
    alpha: Alpha
    method: Literal["concat", "average"] = "concat"
    decision: Decision = Decision()


class Tune(Strict):
    """The search for the best channel weights."""

    k: PositiveInt = 50
    augmentation_steps: Steps = 1


class PairModelParams(Strict):
    """The gradient-boosted model of candidate pairs."""

    folds: Annotated[int, Field(ge=2, le=20)] = 5
    trees: Annotated[int, Field(ge=1, le=5000)] = 120
    leaves: Annotated[int, Field(ge=2, le=1024)] = 31
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    negatives: PositiveInt = 100_000
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class ClericalReview(Strict):
    """What the accepted and the rejected pairs must hold on val."""

    precision: Share = 0.95
    missed: Share = 0.05


class Reading(Strict):
    """Which candidate pairs a pair reader reads, where there is one."""

    uncertain: Annotated[float, Field(gt=0, lt=0.5)] = 0.03
    pairs: Annotated[int, Field(ge=1, le=1000)] = 10


class Rerank(Strict):
    """The pair model: how its candidates are found, how it learns, and what follows from its probabilities."""

    fusion: Fusion
    k: Annotated[int, Field(ge=1, le=1000)] = 40
    augmentation_steps: Steps = 1
    model: PairModelParams = PairModelParams()
    reading: Reading = Reading()
    value: Share | Literal["tune"] = "tune"
    at_least_one: bool = False
    link_density: Share = 0.7
    clerical_review: ClericalReview = ClericalReview()


class App(Strict):
    """Who answers about new listings; no stage reads it."""

    system: Literal["samesku", "tuned", "rerank"] | None = None


#: The systems that can be asked about new listings.
ASKED_SYSTEMS = ("samesku", "tuned", "rerank")


class Reader(Strict):
    """The training of the pair reader, a cross-encoder of two titles."""

    title: Name = "sbert"
    epochs: Annotated[int, Field(ge=0, le=100)] = 0
    pairs: Annotated[int, Field(ge=10, le=100_000_000)] = 40_000
    negatives: Annotated[float, Field(gt=0, le=100)] = 1.5
    max_length: Annotated[int, Field(ge=16, le=8192)] = 64
    batch_size: PositiveInt = 32
    unfreeze_blocks: PositiveInt | Literal["all"] = "all"
    lr: Positive = 1e-4
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class Machine(Strict):
    """What this machine gives; it changes no result."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    workers: Annotated[int, Field(ge=0, le=256)] = 2
    threads: Annotated[int, Field(ge=1, le=1024)] = 2
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    engine: Literal["local", "ray"] = "local"
    address: Address | None = None
    store: Annotated[str, Field(min_length=1)] | None = "data/store"
    store_gb: NotNegative = 20.0

    def store_folder(self, root: Path = Path()) -> Path | None:
        """The folder of the store of embeddings and pictures; None where nothing is kept."""
        return root / self.store if self.store else None

    @property
    def store_bytes(self) -> int:
        return int(self.store_gb * 1e9)


class Params(Strict):
    """The whole of params.yaml."""

    data: Data
    split: Split
    embed: Embed
    channels: dict[Name, Channel]
    train: dict[Name, TrainRun] = {}
    fusion: Fusion
    match: Match = Match()
    index: Index
    decision: Decision
    groups: Groups = Groups()
    compare: dict[Name, CompareSystem] = {}
    learned_fusion: dict[Name, LearnedFusion] = {}
    tune: Tune = Tune()
    reader: Reader = Reader()
    rerank: Rerank
    app: App = App()
    machine: Machine
