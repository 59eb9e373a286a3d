"""CLIP models of open_clip: the image tower or the text tower, whichever the channel needs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from torch import Tensor, nn

from samesku.artefacts import fingerprint
from samesku.embedding import weights
from samesku.embedding.encoder import Spec
from samesku.embedding.network import ImageEncoder, TitleEncoder, by_layers, by_timm
from samesku.embedding.preprocess import Preprocess
from samesku.embedding.products import MIN_TOKENS

CONFIG = "open_clip_config.json"
#: In the hub's repositories model.safetensors is the model as transformers names its tensors: it comes last.
TENSORS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "model.safetensors",
)
EXTRAS = (CONFIG, "config.json", "tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.model")


def load(spec: Spec) -> ImageEncoder | TitleEncoder:
    """Build the tower of `spec.modality` on the CPU.

    `spec.model` is a name that open_clip knows or the path of a config (JSON: a model's config, or one that
    holds `model_cfg` and `preprocess_cfg`). `spec.weights` is "hub:<repository>" or "hub:<pretrained tag>", a
    checkpoint, or a folder as open_clip saves it, whose config is then followed.
    ValueError, RuntimeError or OSError: no such model or weights, or those of another architecture.
    """
    tag = spec.weights.removeprefix("hub:") if spec.weights and spec.weights.startswith("hub:") else ""
    known = open_clip.get_pretrained_cfg(spec.model, tag) if "/" not in tag else {}
    if tag and "/" not in tag:
        if not known.get("hf_hub"):
            raise ValueError(f"open_clip knows no weights {tag!r} of {spec.model} on the hub")
        spec = replace(spec, weights="hub:" + "/".join(known["hf_hub"].split("/")[:2]))
    if spec.weights is None:
        raise ValueError(
            f"weights is null; allowed: hub:<tag of {spec.model} or repository>, a file or a folder"
        )
    located = weights.locate(spec, None, TENSORS, EXTRAS)
    folder = located.file.parent
    config, preprocess_cfg = architecture(spec.model, folder if located.path.is_dir() or tag else None)
    if known.get("quick_gelu"):
        config["quick_gelu"] = True
    text = config["text_cfg"]
    for key in ("hf_model_name", "hf_tokenizer_name"):
        if text.get(key):
            text[key] = str(named(text[key], folder))
    model = build(config)
    if located.file.suffix not in (".safetensors", ".bin", ".pt", ".pth"):
        raise ValueError(f"{located.file.name} is no file of tensors; allowed: .safetensors, .bin, .pt, .pth")
    open_clip.load_checkpoint(model, str(located.file), strict=True, weights_only=True)
    common: dict[str, Any] = {"spec": spec, "dim": config["embed_dim"], "origin": located.origin}
    if spec.modality == "image":
        return ImageEncoder(
            module=model.visual,
            block_of=image_blocks(model.visual),
            prepare=preprocess({**known, **preprocess_cfg}, model.visual),
            **common,
        )
    module = TextTower(model.text)
    tail = r"tower\.(ln_final|text_projection|proj|transformer\.pooler)"
    return TitleEncoder(
        module=module,
        block_of=by_layers(module, "tower.transformer", tail),
        prepare=Tokens(text, model.text),
        **common,
    )


def architecture(model: str, folder: Path | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The config of a model and of its preprocessing: from the folder's config, a config file, or by name.

    ValueError: there is no such model, or the file is no config of one.
    """
    beside_weights = folder / CONFIG if folder else None
    file = beside_weights if beside_weights and beside_weights.is_file() else Path(model)
    if file.suffix == ".json":
        read = json.loads(file.read_text("utf-8"))
        config, preprocess_cfg = read.get("model_cfg", read), read.get("preprocess_cfg", {})
    else:
        config, preprocess_cfg = open_clip.get_model_config(model), {}
    if not config:
        raise ValueError(f"open_clip knows no model {model!r}")
    if not {"embed_dim", "vision_cfg", "text_cfg"} <= config.keys() or "multimodal_cfg" in config:
        raise ValueError(f"{file} is no config of a CLIP model")
    return config, preprocess_cfg


def build(config: dict[str, Any]) -> Any:
    """A CustomTextCLIP with random weights; neither tower fetches its weights.

    The plain CLIP has the same tensors with the text tower's at top level; open_clip converts those.
    """
    rest = {key: value for key, value in config.items() if key != "custom_text"}
    vision = {**config["vision_cfg"], "timm_model_pretrained": False}
    text = {**config["text_cfg"], "hf_model_pretrained": False}
    return open_clip.CustomTextCLIP(**{**rest, "vision_cfg": vision, "text_cfg": text})


def named(model: str, folder: Path) -> Path | str:
    """Where a Hugging Face tower's config and tokenizer lie: by the weights, in a package, or as named."""
    if (folder / "config.json").is_file():
        return folder
    if model.startswith("package:"):
        return weights.from_package(model.removeprefix("package:"))[0]
    return model


class TextTower(nn.Module):
    """A text tower that takes what its tokenizer gives, padded no further than its longest title.

    open_clip shortens its positions to the length of a batch but not its causal mask, which is shortened
    here: most titles are a third of the 77 tokens that it would otherwise compute.
    """

    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.tower = tower
        tower.transformer.register_forward_pre_hook(_shorten_mask, with_kwargs=True)

    def forward(self, tokens: dict[str, Tensor]) -> Tensor:
        """input_ids (B, length) int64 -> (B, dim) float."""
        return self.tower(tokens["input_ids"])


def _shorten_mask(layers: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]) -> Any:
    if args and isinstance(mask := kwargs.get("attn_mask"), Tensor):
        length = args[0].shape[1]
        kwargs = {**kwargs, "attn_mask": mask[..., :length, :length]}
    return args, kwargs


class Tokens:
    """Titles -> input_ids, truncated in tokens, padded to the longest or MIN_TOKENS where the tower ignores padding."""

    def __init__(self, config: dict[str, Any], tower: Any) -> None:
        length, kwargs = config.get("context_length", 77), config.get("tokenizer_kwargs") or {}
        self.config, self.limit = config, length
        if source := config.get("hf_tokenizer_name"):
            mode = config.get("tokenizer_mode")
            self.tokenizer: Any = HFTokenizer(source, context_length=length, tokenizer_mode=mode, **kwargs)
        else:
            self.tokenizer = SimpleTokenizer(context_length=length, **kwargs)
        # A causal tower pools at the end-of-text token, which sees no padding; Hugging Face's masks padding.
        causal = getattr(tower, "attn_mask", None) is not None and tower.pool_type in ("argmax", "eos")
        self.pad = tower.config.pad_token_id if hasattr(tower, "config") else 0 if causal else None

    def __call__(self, titles: list[str], width: int | None = None) -> dict[str, Tensor]:
        ids = self.tokenizer(titles)
        return {"input_ids": ids[:, : width or max(MIN_TOKENS, *self._lengths(ids))]}

    def count(self, titles: list[str]) -> list[int]:
        return self._lengths(self.tokenizer(titles))

    def describe(self) -> str:
        """The config, and a digest of the tokenizer's files where it has any."""
        folder = Path(self.config.get("hf_tokenizer_name") or "")
        files = sorted(folder.glob("*.json")) + sorted(folder.glob("*.txt")) if folder.name else []
        return f"{type(self.tokenizer).__name__} {self.pad} {fingerprint(self.config, files)}"

    def _lengths(self, ids: Tensor) -> list[int]:
        """The tokens of each title up to its last one that is no padding."""
        if self.pad is None:
            return [ids.shape[1]] * len(ids)
        places = torch.arange(1, ids.shape[1] + 1)
        return ((ids != self.pad) * places).amax(dim=1).tolist()


def image_blocks(tower: Any) -> Any:
    """Parameter name -> block of an image tower: a vision transformer, CLIP's ResNet, or timm's."""
    if hasattr(tower, "trunk"):
        numbers = by_timm(tower.trunk)
        return lambda name: numbers.get(name.removeprefix("trunk."), max(numbers.values()))
    if hasattr(tower, "layer4"):
        stages = ("layer1", "layer2", "layer3", "layer4", "attnpool")
        return lambda name: min(4, stages.index(name.split(".")[0]) + 1) if name.startswith(stages) else 0
    return by_layers(tower, "transformer", r"ln_post|proj|attn_pool")


def preprocess(config: dict[str, Any], tower: Any) -> Preprocess:
    """The eval preprocessing from a `preprocess_cfg`; what it does not say, as CLIP."""
    size = tower.image_size
    return Preprocess(
        size=size[0] if isinstance(size, tuple | list) else size,
        mean=tuple(config.get("mean") or OPENAI_DATASET_MEAN),
        std=tuple(config.get("std") or OPENAI_DATASET_STD),
        crop=config.get("crop_pct", 1.0),
        fit="squash" if config.get("resize_mode") == "squash" else "crop",
        interpolation=config.get("interpolation", "bicubic"),
    )
