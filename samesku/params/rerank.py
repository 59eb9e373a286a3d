"""The keys of `tune`, `rerank`, `groups` and `index.blend`: types, ranges, what must hold between them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Cosine = Annotated[float, Field(ge=-1, le=1)]


class Strict(BaseModel):
    """A group of params: unknown keys are refused, and a string is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Blend(Strict):
    """`index.blend`: how often rows are blended with their neighbours, and with which."""

    steps: Annotated[int, Field(ge=0, le=5)] = 0
    threshold: Cosine = 0.5  # of the fused score, −1 to 1


class Tune(Strict):
    """Which channels the weights are sought for."""

    image: Annotated[list[Name], Field(min_length=1)]
    title: Annotated[list[Name], Field(min_length=1)]
    k: PositiveInt = 50  # neighbours of each channel that are united
    blend: Annotated[int, Field(ge=0, le=5)] = 1  # steps of the rows that are blended too

    @model_validator(mode="after")
    def _once(self) -> Tune:
        names = [*self.image, *self.title]
        if len(set(names)) != len(names):
            raise ValueError("tune names a channel twice; allowed: each once, as image or as title")
        return self


class ChannelWeights(Strict):
    """Relative weights of channels, and the image side's share; a channel of weight 0 is a feature alone."""

    alpha: Share
    image: dict[Name, Weight]
    title: dict[Name, Weight]

    @model_validator(mode="after")
    def _some_weight(self) -> ChannelWeights:
        for side, weights, share in (
            ("image", self.image, self.alpha),
            ("title", self.title, 1 - self.alpha),
        ):
            if share > 0 and not any(weights.values()):
                raise ValueError(
                    f"{side} weights are all zero; allowed: at least one above 0 unless alpha leaves it out"
                )
        return self


class PairModel(Strict):
    """The gradient-boosted model of candidate pairs."""

    folds: Annotated[int, Field(ge=2, le=20)] = 5
    trees: Annotated[int, Field(ge=1, le=5000)] = 120
    leaves: Annotated[int, Field(ge=2, le=1024)] = 31
    rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    negatives: Annotated[float, Field(gt=0, le=1)] = 0.3  # share of the pairs of two products trained on
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class BandTargets(Strict):
    """What the bands must hold on val."""

    precision: Share = 0.95  # of the accepted pairs, at the lower end of its interval
    missed: Share = 0.05  # share of the pairs of one product that may be rejected


class Rerank(Strict):
    """Candidates by fusion and blending, then a model of pairs."""

    fusion: ChannelWeights
    k: Annotated[int, Field(ge=1, le=1000)] = 40  # candidates of a query
    blend: Annotated[int, Field(ge=0, le=5)] = 1  # steps; its threshold is the best static one on val
    model: PairModel = PairModel()
    value: float | Literal["tune"] = "tune"  # probability from which a pair is a match
    at_least_one: bool = False
    bands: BandTargets = BandTargets()


class Groups(Strict):
    """When matches of one product become one group."""

    share: Share = 0.5  # of the pairs across two groups that must be matches before they merge
    cap: Annotated[int, Field(ge=1)] = 100  # listings of the largest group
