"""An image tower and a title tower that share a space, saved as one open_clip model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from samesku.embedding.network import Head, ImageEncoder, NetworkEncoder, TitleEncoder
from samesku.encoders.sentence_transformers import open_library_model

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"


def is_dual_encoder(encoders: Mapping[str, NetworkEncoder]) -> bool:
    """Whether open_clip can hold the towers: linear heads on timm of one view and a mean-pooled Hugging Face trunk."""
    if set(encoders) != {"image", "title"}:
        return False
    image, title = encoders["image"], encoders["title"]
    modules: Any = getattr(title.module, "after", [])
    return (
        (image.spec.backend, title.spec.backend) == ("timm", "sentence_transformers")
        and image.spec.views == 1
        and all(isinstance(head, Head) for head in (image.head, title.head))
        and [getattr(module, "pooling_mode", None) for module in modules] == ["mean"]
    )


def save_dual_encoder(folder: Path, encoders: Mapping[str, Any], logit_scale: Tensor) -> None:
    """Write open_clip's config and checkpoint of a CustomTextCLIP, the text trunk's config and tokenizer.

    `open_clip.create_model("local-dir:<folder>")` builds it; `hf_model_name` is the hub's, and where there is
    no hub, `folder` itself, which holds that trunk's config.json. `crop_pct`, which open_clip ignores, is the
    centre crop that the image trunk is evaluated on.

    Args:
        encoders: as is_dual_encoder wants them. logit_scale: 0-d, the logarithm of the inverse temperature.
    """
    image, title = encoders["image"], encoders["title"]
    folder.mkdir(parents=True, exist_ok=True)
    name = title.spec.model if "/" in title.spec.model else f"sentence-transformers/{title.spec.model}"
    prepare, tokens = image.prepare, title.prepare
    config: dict[str, Any] = {
        "model_cfg": {
            "embed_dim": image.dim,
            "vision_cfg": {
                "timm_model_name": image.spec.model,
                "timm_model_pretrained": False,
                "timm_pool": "",
                "timm_proj": "linear",
                "image_size": prepare.size,
            },
            "text_cfg": {
                "hf_model_name": name,
                "hf_tokenizer_name": name,
                "hf_model_pretrained": False,
                "hf_proj_type": "linear",
                "hf_pooler_type": "mean_pooler",
                "context_length": tokens.limit,
            },
        },
        "preprocess_cfg": {
            "size": prepare.size,
            "mean": list(prepare.mean),
            "std": list(prepare.std),
            "interpolation": prepare.interpolation,
            "resize_mode": "shortest",
            "crop_pct": prepare.crop,
        },
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    save_file(_tensors(image, title, logit_scale), folder / WEIGHTS)
    library = open_library_model(tokens.folder)
    library[0].auto_model.config.save_pretrained(folder)
    library.tokenizer.save_pretrained(folder)


def _tensors(image: ImageEncoder, title: TitleEncoder, logit_scale: Tensor) -> dict[str, Tensor]:
    """The state of the CustomTextCLIP, without the text trunk's pooler: it is mean pooled."""
    text: Any = title.module.transformer
    heads: Any = {"visual.head.proj.weight": image.head, "text.proj.weight": title.head}
    state = {f"visual.trunk.{key}": value for key, value in image.module.state_dict().items()}
    for key, value in text.state_dict().items():
        if not key.startswith("pooler."):
            state[f"text.transformer.{key}"] = value
    state |= {key: head[0].weight for key, head in heads.items()} | {"logit_scale": logit_scale}
    return {key: value.detach().cpu().contiguous() for key, value in state.items()}
