"""Sentence encoders: SBERT as sentence-transformers saves it, or a plain BERT with mean or CLS pooling.

A BERT with one pooling, as most are, is read by samesku.embedding.bert; the library, whose import takes seconds, reads
the others.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from samesku.artefacts import fingerprint
from samesku.embedding import weights
from samesku.embedding.bert import TokenPooling, read_bert
from samesku.embedding.encoder import Spec
from samesku.embedding.network import TitleEncoder, by_layers
from samesku.embedding.products import MIN_TOKENS

TENSORS = ("model.safetensors", "pytorch_model.bin")
#: What a sentence encoder needs beside its tensors.
CONFIGS = ("*.json", "*.txt", "*.model", "*/config.json")
#: Names of the parameters after the layers: the transformer's own pooler and final norm, and what follows it.
TAIL = r"after\.|transformer\.(pooler|final_layer_norm|norm|encoder\.final_layer_norm)\."


class SentenceTrunk(nn.Module):
    """A transformer and what follows it (pooling, perhaps a dense layer), without a final normalisation.

    The parts are put together here, so that the version of a library does not change the names of their tensors.
    """

    def __init__(self, transformer: nn.Module, after: Sequence[nn.Module]) -> None:
        super().__init__()
        self.transformer = transformer
        self.after = nn.ModuleList(after)

    def forward(self, tokens: dict[str, Tensor]) -> Tensor:
        """Tokens, each (B, length) int64 -> (B, width) float."""
        states = self.transformer(**tokens)
        features = {**tokens, "token_embeddings": getattr(states, "last_hidden_state", states)}
        for part in self.after:
            features = part(features)
        return features["sentence_embedding"]


def load(spec: Spec) -> TitleEncoder:
    """Build the sentence encoder on the CPU from the hub, a folder or a package.

    `spec.model` is the hub's name; without an organisation it is one of sentence-transformers'.
    ValueError or OSError: not there, not a sentence encoder, or it brings code.
    """
    repository = spec.model if "/" in spec.model else f"sentence-transformers/{spec.model}"
    located = weights.locate(spec, repository, TENSORS, CONFIGS)
    folder = located.path if located.path.is_dir() else located.path.parent
    refuse_code(folder)
    if bert := read_bert(folder, located.file):
        module = SentenceTrunk(bert.transformer, [TokenPooling(spec.pooling or bert.pooling)])
        tokens: Tokens = WordPieces(bert.tokenizer, bert.limit, folder, bert.pad)
    else:
        module, tokens = read_by_library(folder, spec.pooling)
    module.eval()
    with torch.inference_mode():
        dim = module(tokens(["a"])).shape[1]
    return TitleEncoder(
        spec=spec,
        module=module,
        dim=dim,
        block_of=by_layers(module, "transformer", TAIL),
        prepare=tokens,
        origin=located.origin,
    )


def open_library_model(folder: Path) -> Any:
    """The SentenceTransformer of a folder, on the CPU; it runs no code of the folder."""
    import transformers
    from sentence_transformers import SentenceTransformer

    transformers.logging.disable_progress_bar()
    return SentenceTransformer(str(folder), device="cpu", trust_remote_code=False, local_files_only=True)


def read_by_library(folder: Path, pooling: str | None) -> tuple[SentenceTrunk, "Tokens"]:
    """Any sentence encoder that sentence-transformers reads; ValueError: it pools no tokens into a vector."""
    model = open_library_model(folder)
    transformer: Any = model.float()[0].auto_model
    after: list[Any] = [part for part in list(model)[1:] if type(part).__name__ != "Normalize"]
    place = next((i for i, part in enumerate(after) if type(part).__name__ == "Pooling"), None)
    if place is None:
        raise ValueError("it pools no tokens into a vector")
    if pooling:
        after[place] = type(after[place])(transformer.config.hidden_size, pooling_mode=pooling)
    # The longest title in tokens: the model's own limit, or what its positions hold.
    positions = int(getattr(transformer.config, "max_position_embeddings", 512))
    limit = min(int(model.max_seq_length or positions), positions)
    return SentenceTrunk(transformer, after), Tokens(model.tokenizer, limit, folder)


class Tokens:
    """Titles -> input_ids, attention_mask, token_type_ids: truncated, and padded to the longest or MIN_TOKENS.

    Attributes:
        limit: the longest title in tokens. folder: of the model.
    """

    def __init__(self, tokenizer: Any, limit: int, folder: Path) -> None:
        self.tokenizer, self.limit, self.folder = tokenizer, limit, folder

    def __call__(self, titles: list[str], width: int | None = None) -> dict[str, Tensor]:
        """(B, length) int64 each; `width`: the length to pad to, at least that of the longest title."""
        options: dict[str, Any] = {"truncation": True, "return_tensors": "pt"}
        if width is None:
            tokens = self.tokenizer(titles, padding=True, max_length=self.limit, **options)
            if tokens["input_ids"].shape[1] >= (width := min(MIN_TOKENS, self.limit)):
                return dict(tokens)
        return dict(self.tokenizer(titles, padding="max_length", max_length=width, **options))

    def count(self, titles: list[str]) -> list[int]:
        """The tokens of each title, truncated."""
        return list(map(len, self.tokenizer(titles, truncation=True, max_length=self.limit)["input_ids"]))

    @property
    def pad_token(self) -> int:
        """The token that fills up shorter titles."""
        return int(self.tokenizer.pad_token_id)

    def read_pairs(self, pairs: list[tuple[str, str]], limit: int) -> dict[str, list[list[int]]]:
        """The tokens of pairs of titles, `limit` at most (the longer title is truncated first), not padded."""
        left, right = map(list, zip(*pairs, strict=True))
        return dict(self.tokenizer(left, right, truncation="longest_first", max_length=limit))

    def describe(self) -> str:
        """The limit, and a digest of the tokenizer's files."""
        files = sorted(file for kind in ("*.json", "*.txt", "*.model") for file in self.folder.glob(kind))
        return f"{type(self).__name__} {fingerprint(self.limit, files)}"


class WordPieces(Tokens):
    """The same by the tokenizer alone, without transformers."""

    def __init__(self, tokenizer: Any, limit: int, folder: Path, pad: int) -> None:
        super().__init__(tokenizer, limit, folder)
        self.pad = pad
        tokenizer.enable_truncation(limit)
        tokenizer.no_padding()

    def __call__(self, titles: list[str], width: int | None = None) -> dict[str, Tensor]:
        encoded = [encoding.ids for encoding in self.tokenizer.encode_batch(titles)]
        width = width or max(min(MIN_TOKENS, self.limit), *map(len, encoded))
        ids = torch.full((len(encoded), width), self.pad, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, title in enumerate(encoded):
            ids[row, : len(title)] = torch.tensor(title)
            mask[row, : len(title)] = 1
        return {"input_ids": ids, "token_type_ids": torch.zeros_like(ids), "attention_mask": mask}

    @property
    def pad_token(self) -> int:
        return self.pad

    def read_pairs(self, pairs: list[tuple[str, str]], limit: int) -> dict[str, list[list[int]]]:
        self.tokenizer.enable_truncation(limit)
        encoded = self.tokenizer.encode_batch(pairs)
        self.tokenizer.enable_truncation(self.limit)
        return {
            "input_ids": [encoding.ids for encoding in encoded],
            "token_type_ids": [encoding.type_ids for encoding in encoded],
            "attention_mask": [encoding.attention_mask for encoding in encoded],
        }

    def count(self, titles: list[str]) -> list[int]:
        return [len(encoding) for encoding in self.tokenizer.encode_batch(titles)]


def refuse_code(folder: Path) -> None:
    """Refuse a model with modules that are not the library's own: loading them would run the folder's code.

    sentence-transformers may do so for a local folder even where remote code is not trusted.
    """
    listed = folder / "modules.json"
    for part in json.loads(listed.read_text("utf-8")) if listed.is_file() else ():
        if not str(part["type"]).startswith("sentence_transformers."):
            raise ValueError(
                f"modules.json names code of its own ({part['type']}); allowed: sentence_transformers.*"
            )
