"""Sentence encoders: SBERT as sentence-transformers saves it, or a plain BERT with mean or CLS pooling."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from samesku.embedding import weights
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

    The parts are the library's. They are put together here, so that its version does not change the names of
    their tensors.
    """

    def __init__(self, transformer: nn.Module, after: list[nn.Module]) -> None:
        super().__init__()
        self.transformer = transformer
        self.after = nn.ModuleList(after)

    def forward(self, tokens: dict[str, Tensor]) -> Tensor:
        """Tokens, each (B, length) int64 -> (B, width) float."""
        features = {**tokens, "token_embeddings": self.transformer(**tokens).last_hidden_state}
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
    transformers.logging.disable_progress_bar()
    model = SentenceTransformer(str(folder), device="cpu", trust_remote_code=False, local_files_only=True)
    transformer: Any = model.float()[0].auto_model
    after: list[Any] = [part for part in list(model)[1:] if type(part).__name__ != "Normalize"]
    pooling = next((i for i, part in enumerate(after) if type(part).__name__ == "Pooling"), None)
    if pooling is None:
        raise ValueError("it pools no tokens into a vector")
    if spec.pooling:
        after[pooling] = type(after[pooling])(transformer.config.hidden_size, pooling_mode=spec.pooling)
    module = SentenceTrunk(transformer, after)
    # The longest title in tokens: the model's own limit, or what its positions hold.
    positions = int(getattr(transformer.config, "max_position_embeddings", 512))
    tokens = Tokens(model.tokenizer, min(int(model.max_seq_length or positions), positions))
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


class Tokens:
    """Titles -> input_ids, attention_mask, token_type_ids: truncated, and padded to the longest or MIN_TOKENS."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, limit: int) -> None:
        self.tokenizer, self.limit = tokenizer, limit

    def __call__(self, titles: list[str]) -> dict[str, Tensor]:
        options: dict[str, Any] = {"truncation": True, "return_tensors": "pt"}
        tokens = self.tokenizer(titles, padding=True, max_length=self.limit, **options)
        if tokens["input_ids"].shape[1] < (width := min(MIN_TOKENS, self.limit)):
            tokens = self.tokenizer(titles, padding="max_length", max_length=width, **options)
        return dict(tokens)


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
