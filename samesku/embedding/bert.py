"""BERT as transformers computes it, and its tokenizer, without the import of transformers, which takes seconds.

Names of parameters, order of operations and order of dropout are those of transformers' BertModel: weights, rows and
training have the same bits. `read_bert` says which folders it can read; all others are left to the library.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

#: Tokens of a batch go in steps of so many: oneDNN writes a kernel for each number, and keeps some hundreds of them.
TOKEN_STEP = 16
#: What the model's config may say of itself; any other value is another model.
FIXED = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "chunk_size_feed_forward": 0,
    "quantization_config": None,
    "auto_map": None,
}
#: Values of BertConfig where config.json has none.
DEFAULTS = {
    **FIXED,
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
#: The same for BertTokenizer and tokenizer_config.json; the tokens are those of its special_tokens_map too.
TOKENIZER_DEFAULTS = {
    "do_lower_case": True,
    "tokenize_chinese_chars": True,
    "strip_accents": None,
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}


class Bert(nn.Module):
    """The encoder of a BERT; `config` as of DEFAULTS."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)
        # No sentence embedding uses it; weights and trained towers have it.
        self.pooler = _Dense(config["hidden_size"], config["hidden_size"])

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Tokens, each (B, length) int64 -> (B, length, width): the last layer's states."""
        states = self.embeddings(input_ids, token_type_ids)
        # As the library does: without padding, no mask.
        if not torch.jit.is_tracing() and attention_mask.all():
            return self.encoder(states)
        kept = attention_mask.bool()
        mask = kept[:, None, None, :].expand(-1, -1, input_ids.shape[1], -1)
        if self.training or torch.jit.is_tracing():  # dropout draws for the padding too, as in the library
            return self.encoder(states, mask)
        tokens = _Tokens(kept)
        return tokens.spread(self.encoder(tokens.take(states), mask, tokens))


class _Tokens:
    """Which rows of a batch are tokens and not padding: only they are multiplied, each to the same bits.

    Attributes:
        kept: (B, length) bool. places: (T,) int64, the tokens' rows among all; zero rows follow up to TOKEN_STEP.
    """

    def __init__(self, kept: Tensor) -> None:
        self.kept, self.places = kept, kept.flatten().nonzero().squeeze(1)

    def take(self, states: Tensor) -> Tensor:
        """(B, length, width) -> (T', width), the tokens."""
        missing = -len(self.places) % TOKEN_STEP
        return nn.functional.pad(states.flatten(0, 1)[self.places], (0, 0, 0, missing))

    def spread(self, tokens: Tensor) -> Tensor:
        """(T', width) -> (B, length, width), zero at the padding."""
        states = tokens.new_zeros(self.kept.numel(), tokens.shape[-1])
        states[self.places] = tokens[: len(self.places)]
        return states.view(*self.kept.shape, -1)


class _Embeddings(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.word_embeddings = _table(config["vocab_size"], width, config["pad_token_id"])
        self.position_embeddings = _table(config["max_position_embeddings"], width)
        self.token_type_embeddings = _table(config["type_vocab_size"], width)
        self.LayerNorm = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None) -> Tensor:
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
        states = self.word_embeddings(input_ids) + self.token_type_embeddings(types)
        return self.dropout(self.LayerNorm(states + self.position_embeddings(positions)))


def _table(rows: int, width: int, pad: int | None = None) -> nn.Embedding:
    """A table without numbers, until it is loaded: to draw them on the device `meta`, torch imports its compiler."""
    return nn.Embedding.from_pretrained(torch.empty(rows, width), freeze=False, padding_idx=pad)


class _SelfAttention(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.heads, self.dropout_share = config["num_attention_heads"], config["attention_probs_dropout_prob"]
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, states: Tensor, mask: Tensor | None, tokens: _Tokens | None) -> Tensor:
        parts = (part(states) for part in (self.query, self.key, self.value))
        query, key, value = (
            (part if tokens is None else tokens.spread(part)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in parts
        )
        dropout = self.dropout_share if self.training else 0.0
        mixed = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=dropout, scale=query.shape[-1] ** -0.5
        )
        mixed = mixed.transpose(1, 2).flatten(2)
        return mixed.contiguous() if tokens is None else tokens.take(mixed)


class _Output(nn.Module):
    """A linear layer, dropout, and a norm over the sum with what came before."""

    def __init__(self, width_in: int, config: dict[str, Any]) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, config["hidden_size"])
        self.LayerNorm = nn.LayerNorm(config["hidden_size"], eps=config["layer_norm_eps"])
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])

    def forward(self, states: Tensor, before: Tensor) -> Tensor:
        return self.LayerNorm(self.dropout(self.dense(states)) + before)


class _Attention(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.self = _SelfAttention(config)
        self.output = _Output(config["hidden_size"], config)

    def forward(self, states: Tensor, mask: Tensor | None, tokens: _Tokens | None) -> Tensor:
        return self.output(self.self(states, mask, tokens), states)


class _Dense(nn.Module):
    """A linear layer under the name that the tensors have."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, width)

    def forward(self, states: Tensor) -> Tensor:
        return self.dense(states)


class _Layer(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.attention = _Attention(config)
        self.intermediate = _Dense(width, inner)
        self.output = _Output(inner, config)

    def forward(self, states: Tensor, mask: Tensor | None, tokens: _Tokens | None) -> Tensor:
        attended = self.attention(states, mask, tokens)
        return self.output(nn.functional.gelu(self.intermediate(attended)), attended)


class _Encoder(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(config) for _ in range(config["num_hidden_layers"]))

    def forward(self, states: Tensor, mask: Tensor | None = None, tokens: _Tokens | None = None) -> Tensor:
        """(B, length, width), or (T, width) of `tokens`; `mask` is that of the attention."""
        for layer in self.layer:
            states = layer(states, mask, tokens)
        return states


class TokenPooling(nn.Module):
    """Pooling of the token vectors of a title: their mean, or the first; as sentence_transformers' Pooling."""

    def __init__(self, pooling_mode: str) -> None:
        super().__init__()
        self.pooling_mode = pooling_mode

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        states, mask = features["token_embeddings"], features["attention_mask"]
        if self.pooling_mode == "cls":
            pooled = states[:, 0]
        else:
            wide = torch.float32 if states.dtype in (torch.float16, torch.bfloat16) else states.dtype
            weights = mask.unsqueeze(-1).to(states.dtype)
            total = (states * weights).sum(dim=1, dtype=wide)
            pooled = (total / torch.clamp(weights.sum(dim=1, dtype=wide), min=1e-9)).to(states.dtype)
        return {**features, "sentence_embedding": pooled}


class SentenceBert(NamedTuple):
    """What `read_bert` reads: `pad` is a token, `limit` the longest title in tokens, `pooling` is mean or cls."""

    transformer: Bert
    tokenizer: Tokenizer
    pad: int
    limit: int
    pooling: str


def read_bert(folder: Path, tensors: Path) -> SentenceBert | None:
    """Read a plain BERT, or a sentence encoder of a BERT and one pooling; None where the folder has anything else.

    Args:
        tensors: the file of weights in `folder`.
    """
    config = _checked(folder / "config.json", DEFAULTS, FIXED)
    parts = _read_parts(folder)
    if config is None or parts is None or tensors.suffix != ".safetensors":
        return None
    pooling, max_tokens = parts
    if (tokenizer := _read_tokenizer(folder, pad := config["pad_token_id"])) is None:
        return None
    if max_tokens is None:  # as sentence_transformers does
        given = _json(folder / "tokenizer_config.json").get("model_max_length")
        max_tokens = min(given or config["max_position_embeddings"], config["max_position_embeddings"])
    with torch.device("meta"):
        transformer = Bert(config)
    state = {name.removeprefix("bert."): tensor for name, tensor in load_file(tensors).items()}
    state.pop("embeddings.position_ids", None)  # of old versions
    own = transformer.state_dict()
    if state.keys() != own.keys() or any(state[name].shape != own[name].shape for name in own):
        return None
    transformer.load_state_dict({name: tensor.float() for name, tensor in state.items()}, assign=True)
    return SentenceBert(
        transformer, tokenizer, pad, min(max_tokens, config["max_position_embeddings"]), pooling
    )


def _read_parts(folder: Path) -> tuple[str, int | None] | None:
    """Pooling, and the longest title in tokens (None: not given), by modules.json; None: other modules."""
    if not (folder / "modules.json").is_file():
        return "mean", None
    listed = json.loads((folder / "modules.json").read_text("utf-8"))
    names = [part["type"].rpartition(".")[2] for part in listed]
    if (
        names not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
        or listed[0]["path"]
    ):
        return None
    pooling = _json(folder / listed[1]["path"] / "config.json")
    old = [name for name, value in pooling.items() if name.startswith("pooling_mode_") and value]
    old_modes = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    mode = pooling.get("pooling_mode", old_modes.get(old[0]) if len(old) == 1 else None)
    sizes = _json(folder / "sentence_bert_config.json")
    known = {"max_seq_length", "do_lower_case", "transformer_task", "modality_config", "module_output_name"}
    plain = sizes.get("transformer_task", "feature-extraction") == "feature-extraction"
    if mode not in ("mean", "cls") or not sizes.keys() <= known or sizes.get("do_lower_case") or not plain:
        return None
    return mode, sizes.get("max_seq_length")


def _read_tokenizer(folder: Path, pad_id: int) -> Tokenizer | None:
    """The WordPiece tokenizer of a folder; None where its files do not say the same, or it is another kind."""
    file, settings = folder / "tokenizer.json", _json(folder / "tokenizer_config.json")
    if not file.is_file() or settings.get("tokenizer_class") not in ("BertTokenizer", "BertTokenizerFast"):
        return None
    settings = TOKENIZER_DEFAULTS | settings | _json(folder / "special_tokens_map.json")
    content = _json(file)
    normalizer, model = content["normalizer"] or {}, content["model"]
    special = [settings[key] for key in TOKENIZER_DEFAULTS if key.endswith("_token")]
    agree = (
        all(isinstance(token, str) for token in special)
        and normalizer.get("type") == "BertNormalizer"
        and normalizer["clean_text"]
        and normalizer["lowercase"] == settings["do_lower_case"]
        and normalizer["handle_chinese_chars"] == settings["tokenize_chinese_chars"]
        and normalizer["strip_accents"] == settings["strip_accents"]
        and content["pre_tokenizer"] == {"type": "BertPreTokenizer"}
        and model["type"] == "WordPiece"
        and model["unk_token"] == settings["unk_token"]
        and (model["continuing_subword_prefix"], model["max_input_chars_per_word"]) == ("##", 100)
        and {token["content"] for token in content["added_tokens"]} <= set(special)
        and settings.get("padding_side", "right") == settings.get("truncation_side", "right") == "right"
    )
    if not agree:
        return None
    tokenizer = Tokenizer.from_file(str(file))
    cls, sep, pad = (tokenizer.token_to_id(settings[key]) for key in ("cls_token", "sep_token", "pad_token"))
    tokenizer.no_padding()
    return tokenizer if pad == pad_id and tokenizer.encode("").ids == [cls, sep] else None


def _checked(file: Path, defaults: dict[str, Any], fixed: dict[str, Any]) -> dict[str, Any] | None:
    """The values of a JSON file over their defaults; None where one of the fixed ones has another value."""
    values = defaults | _json(file)
    return values if all(values[key] == value for key, value in fixed.items()) else None


def _json(file: Path) -> Any:
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}
