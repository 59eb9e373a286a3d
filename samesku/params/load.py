"""Checks params.yaml as a whole; what is wrong becomes one sentence: key, value, what is allowed, the way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from samesku.errors import InputError
from samesku.params.backends import BACKENDS
from samesku.params.explain import explain_error
from samesku.params.file import add_way_back, read_params
from samesku.params.schema import (
    Channel,
    CompareSystem,
    Decision,
    Embed,
    Fusion,
    LearnedFusion,
    Machine,
    Params,
    Reader,
    Shares,
    TrainRun,
)
from samesku.params.secrets import check_source

T = TypeVar("T")

#: The margin of each loss that has one, where none is given, and the largest that means anything.
MARGINS = {"arcface": (28.6, 90.0), "triplet": (0.2, 2.0), "contrastive": (1.0, 2.0)}
#: The rows of the table that stages other than `compare` write.
SYSTEMS = ("samesku", "self_only", "tuned", "tuned_augmented", "tuned_augmented_one", "rerank")
SIDES = ("image", "title")


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read and check the whole of params.yaml.

    Raises:
        InputError: the file is missing or no YAML, or a key is unknown, of the wrong type or out of its range,
            or two keys contradict each other; the sentence names key, value and what is allowed, and where git
            has another value, how to take that back.
    """
    path = Path(path)
    content = read_params(path)
    try:
        return parse_params(content)
    except InputError as error:
        raise InputError(f"{path}: {add_way_back(str(error), path)}") from None


def parse_params(content: Mapping[str, Any]) -> Params:
    """Check params given as a mapping.

    Raises:
        InputError: as load_params, without the name of the file.
    """
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        # Each branch of a union that does not fit is an error of its own; the sentence is the same.
        raise InputError("; ".join(dict.fromkeys(map(explain_error, error.errors())))) from None
    if problems := list(_contradictions(params)):
        raise InputError("; ".join(problems))
    return _without_auto(params) if params.embed.reproducible else params


def _without_auto(params: Params) -> Params:
    """Let `auto` mean the CPU in fp32, whatever the machine has."""
    embed, machine = params.embed, params.machine
    if embed.precision == "auto":
        embed = embed.model_copy(update={"precision": "fp32"})
    if machine.device == "auto":
        machine = machine.model_copy(update={"device": "cpu"})
    return params.model_copy(update={"embed": embed, "machine": machine})


def list_systems(params: Params) -> list[str]:
    """The systems that these params run, by the name of their folder in data/predictions."""
    return [*SYSTEMS, *params.compare, *params.learned_fusion]


def find_entry(group: Mapping[str, T], name: str, key: str) -> T:
    """The entry of a group of params that a script was started for.

    Raises:
        InputError: there is no such entry; the sentence says which there are.
    """
    if name not in group:
        raise InputError(f"params.yaml: {key}.{name} does not exist; allowed: {', '.join(group) or 'none'}")
    return group[name]


def list_alphas(system: Fusion | CompareSystem | LearnedFusion) -> list[float]:
    """The alpha of a system: one, or those from which val chooses."""
    return system.alpha if isinstance(system.alpha, list) else [system.alpha]


def check_weights(fusion: Fusion | CompareSystem | LearnedFusion, alpha: float) -> Iterator[str]:
    """What is wrong with the channel weights at this alpha: a modality that counts needs one above 0."""
    for side, share in zip(SIDES, (alpha, 1 - alpha), strict=True):
        if share > 0 and not any(getattr(fusion, side).values()):
            yield f"{side} weights are all zero; allowed: at least one above 0 unless alpha leaves it out"


def check_decision(decision: Decision) -> Iterator[str]:
    """What is wrong with a decision."""
    if decision.kind == "static" and isinstance(decision.value, float) and not -1 <= decision.value <= 1:
        yield f"value is {decision.value:g} with kind static; allowed: a score, -1 to 1, or tune"
    if decision.min_score is not None and not decision.at_least_one:
        yield "min_score is given without at_least_one; allowed: both, or no min_score"


def check_reproducible(embed: Embed, machine: Machine) -> Iterator[str]:
    """What equal numbers on every machine rule out."""
    fast = {
        "embed.precision": (embed.precision, ("auto", "fp32")),
        "embed.engine": (embed.engine, ("torch",)),
        "machine.device": (machine.device, ("auto", "cpu")),
    }
    for key, (value, allowed) in fast.items():
        if embed.reproducible and value not in allowed:
            yield (
                f"{key} is {value!r} with embed.reproducible: true; "
                f"allowed: {' or '.join(allowed)}, or embed.reproducible: false"
            )


def check_encoding(encoding: str | None) -> Iterator[str]:
    """What is wrong with the encoding of a table: Python must know it, and read text by it."""
    try:
        "a".encode(encoding or "utf-8")  # Python encodes an empty text without a look at the name
    except (LookupError, ValueError):  # also a name that no file can have
        yield f"encoding is {encoding!r}; allowed: an encoding that Python knows, such as cp1251, gb18030 or cp932"


def check_shares(shares: Shares) -> Iterator[str]:
    """What is wrong with the shares of the splits."""
    total = shares.train + shares.val + shares.test
    if abs(total - 1) > 1e-6:
        yield f"train + val + test is {total:g}; allowed: shares that sum to 1"


def check_channel(channel: Channel) -> Iterator[str]:
    """What does not fit between a channel and its backend."""
    name, backend = channel.backend, BACKENDS.get(channel.backend)
    if backend is None:
        yield f"backend is {name!r}; allowed: {', '.join(BACKENDS)}"
        return
    if channel.modality not in backend.modalities:
        yield f"modality {channel.modality} with backend {name}; allowed: {' or '.join(backend.modalities)}"
    if backend.is_network:
        if not channel.model:
            yield f"model is missing; backend {name} needs the name of one"
        if channel.dim is not None:
            yield "dim is given; allowed with backends tfidf and phash"
    elif channel.model or channel.weights or channel.revision or channel.sha256:
        yield f"backend {name} has no weights; allowed: no model, weights, revision, sha256"
    if name == "tfidf" and channel.dim is None:
        yield "dim is missing; backend tfidf needs the width of its row, 8 to 65536"
    if name == "phash" and channel.dim is not None and channel.dim > 41_664:
        yield f"dim is {channel.dim}; allowed with backend phash: 8 to 41664, or null"
    if channel.pooling and name != "sentence_transformers":
        yield "pooling is given; allowed with backend sentence_transformers alone"
    if channel.views > 1 and not (backend.is_network and channel.modality == "image"):
        yield f"views is {channel.views} with modality {channel.modality} and backend {name}; allowed: 1"


def check_run(run: TrainRun) -> Iterator[str]:
    """What does not fit between the keys of a training run."""
    if len(set(run.towers)) != len(run.towers):
        yield "towers names a tower twice; allowed: image, title, or both once"
    for side in run.towers:
        if getattr(run, side) is None:
            yield f"{side} is missing; tower {side} needs the channel that it starts from"
    if run.cross_modal and len(run.towers) < 2:
        yield f"cross_modal is {run.cross_modal:g} with one tower; allowed: 0, or both towers"
    if run.head_epochs and run.head_dim is None:
        yield f"head_epochs is {run.head_epochs} without a head; allowed: 0, or a head_dim"
    if run.unfreeze_blocks == 0 and run.head_dim is None:
        yield "unfreeze_blocks is 0 without a head, which leaves nothing to train; give a head_dim"
    if (run.image_size or run.views) and "image" not in run.towers:
        yield "image_size or views is given without the image tower; allowed: null"
    yield from _check_loss(run)


def check_start(name: str, run: TrainRun, channels: Mapping[str, Channel]) -> Iterator[str]:
    """What is wrong with the channels from which the towers of `train.<name>` start."""
    for side in run.towers:
        start = getattr(run, side)
        allowed = sorted(
            channel
            for channel, spec in channels.items()
            if spec.modality == side
            and side in BACKENDS[spec.backend].trainable
            and spec.out == "data/embeddings"
        )
        if start not in allowed:
            yield (
                f"train.{name}.{side} is {start}, from which no {side} tower can start; "
                f"allowed: {', '.join(allowed) or 'no channel that is configured'}"
            )


def check_reader(reader: Reader, channels: Mapping[str, Channel]) -> Iterator[str]:
    """What is wrong with the channel that the pair reader starts from. DVC needs its array also without a reader."""
    allowed = sorted(
        name
        for name, channel in channels.items()
        if channel.out == "data/embeddings"
        and (
            not reader.epochs or (channel.backend == "sentence_transformers" and channel.modality == "title")
        )
    )
    if reader.title not in allowed:
        yield (
            f"reader.title is {reader.title}, from which no pair reader can start; "
            f"allowed: {', '.join(allowed) or 'no channel that is configured'}"
        )


def _check_loss(run: TrainRun) -> Iterator[str]:
    """What does not fit between the loss of a run and its other keys."""
    if run.loss == "image_text" and len(run.towers) < 2:
        yield f"loss image_text with towers {run.towers}; allowed: both image and title"
    if (run.loss == "image_text") != (run.sampler == "listings"):
        yield (
            f"loss {run.loss} with sampler {run.sampler}; allowed: image_text with listings, "
            "infonce, arcface and triplet with pk, contrastive with pk or pairs"
        )
    if run.sampler == "pairs" and run.loss != "contrastive":
        yield f"sampler pairs with loss {run.loss}; allowed: contrastive"
    if (run.batch_size is not None) != (run.sampler == "listings"):
        yield "batch_size goes with sampler listings, and with it alone; P and K size the others"
    if run.hard_negatives and run.sampler != "pk":
        yield f"hard_negatives is {run.hard_negatives} with sampler {run.sampler}; allowed: 0, or pk"
    if run.cross_modal and run.loss in ("arcface", "image_text"):
        yield f"cross_modal is {run.cross_modal:g} with loss {run.loss}; allowed: 0"
    if run.learnable_temperature and run.loss not in ("infonce", "image_text"):
        yield f"learnable_temperature with loss {run.loss}; allowed: infonce, image_text"
    if run.margin is not None:
        if run.loss not in MARGINS:
            yield f"margin is {run.margin:g} with loss {run.loss}, which has none; allowed: null"
        elif run.margin > MARGINS[run.loss][1]:
            yield f"margin is {run.margin:g}; allowed with {run.loss}: up to {MARGINS[run.loss][1]:g}"


def find_modalities(params: Params) -> dict[str, str]:
    """Every channel that can be fused with its modality: the zero-shot ones, and two of each training run."""
    modality: dict[str, str] = {name: channel.modality for name, channel in params.channels.items()}
    for run in params.train:
        modality |= {f"{run}_{side}": side for side in SIDES}
    return modality


def _contradictions(params: Params) -> Iterator[str]:
    """Everything that is wrong between keys, each as a sentence that begins with the key."""
    local: list[tuple[str, Iterator[str]]] = [("data", check_source(params.data.source))]
    local += [("data", check_encoding(params.data.encoding))]
    local += [("split.shares", check_shares(params.split.shares))]
    local += [(f"channels.{name}", check_channel(channel)) for name, channel in params.channels.items()]
    local += [(f"train.{name}", check_run(run)) for name, run in params.train.items()]
    local += [("fusion", check_weights(params.fusion, params.fusion.alpha))]
    local += [("rerank.fusion", check_weights(params.rerank.fusion, params.rerank.fusion.alpha))]
    local += [("decision", check_decision(params.decision))]
    local += [
        (f"learned_fusion.{n}", check_weights(row, row.alpha)) for n, row in params.learned_fusion.items()
    ]
    for name, system in params.compare.items():
        local += [(f"compare.{name}", check_weights(system, alpha)) for alpha in list_alphas(system)]
        local += [(f"compare.{name}.decision", check_decision(system.decision))]
    problems = [f"{key}: {problem}" for key, sentences in local for problem in sentences]
    problems += check_reproducible(params.embed, params.machine)
    if params.match.one_to_one and params.match.link == "within":
        problems.append(
            "match.one_to_one is true with match.link within, which matches no other shop; "
            "allowed: match.one_to_one: false, or match.link across or all"
        )
    yield from dict.fromkeys(problems)
    if not problems:  # names are checked once each entry is valid by itself
        yield from _check_names(params)


def _check_names(params: Params) -> Iterator[str]:
    """Channels that do not exist, and names that two stages would write to."""
    modality = find_modalities(params)
    users: dict[str, Fusion | CompareSystem | LearnedFusion] = {
        "fusion": params.fusion,
        "rerank.fusion": params.rerank.fusion,
        **{f"learned_fusion.{name}": learned for name, learned in params.learned_fusion.items()},
        **{f"compare.{name}": system for name, system in params.compare.items()},
    }
    for key, user in users.items():
        for side in SIDES:
            for name in getattr(user, side):
                if modality.get(name) != side:
                    allowed = ", ".join(sorted(n for n, m in modality.items() if m == side))
                    yield (
                        f"{key}.{side} names {name}, which is no {side} channel; "
                        f"allowed: {allowed or 'none is configured'}"
                    )
    baselines = {name for name, channel in params.channels.items() if channel.out == "data/baselines"}
    baselines |= {
        f"{n}_{side}" for n, run in params.train.items() if run.out == "data/baselines" for side in SIDES
    }
    for key in (key for key in users if not key.startswith("compare.")):
        for name in sorted(baselines & {*users[key].image, *users[key].title}):
            yield (
                f"{key} names {name}, which is kept in data/baselines for rows of compare alone; "
                "allowed: a channel or run with out data/embeddings"
            )
    for name, run in params.train.items():
        yield from check_start(name, run, params.channels)
    yield from check_reader(params.reader, params.channels)
    # Each channel and run writes data/models/<name>, and a run two channels, <run>_image and _title.
    # The tables of matches have a column for each channel beside these.
    columns = {"query", "match", "new", "rank", "score", "rule", "annotation", "clerical_review"}
    if clash := sorted(columns & set(params.channels)):
        yield f"channels.{clash[0]} has the name of a column of matches.parquet; allowed: another name"
    stages = {"learned_fusion", "reader", "rerank"}
    taken = {*params.train, *(f"{run}_{side}" for run in params.train for side in SIDES), *stages}
    if clash := sorted(taken & set(params.channels)):
        yield f"channels.{clash[0]} has a name that is taken by training or rerank; allowed: another"
    if clash := sorted(stages & set(params.train)):
        yield f"train.{clash[0]} has the name of a stage; allowed: another name"
    if clash := sorted(set(SYSTEMS) & set(params.learned_fusion)):
        yield f"learned_fusion.{clash[0]} has the name of a row of another stage; allowed: another name"
    if clash := sorted({*SYSTEMS, *params.learned_fusion} & set(params.compare)):
        yield f"compare.{clash[0]} has the name of a row of another stage; allowed: another name"
