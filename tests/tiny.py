"""Checkpoints of a few kilobytes with random weights, so that the real loading code runs without a hub."""

import json
import string
from pathlib import Path

CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


def clip(folder: Path) -> tuple[Path, Path]:
    """An open_clip model: its config as JSON, and its state dict."""
    import open_clip
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    (folder / "tiny-clip.json").write_text(json.dumps(CLIP))
    torch.save(open_clip.CLIP(**CLIP).state_dict(), folder / "tiny-clip.pt")
    return folder / "tiny-clip.json", folder / "tiny-clip.pt"


def timm(folder: Path, model: str = "test_resnet") -> tuple[str, Path]:
    """A timm model by name, and its state dict."""
    import timm
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    save_file(timm.create_model(model, num_classes=0).state_dict(), folder / f"{model}.safetensors")
    return model, folder / f"{model}.safetensors"


def bert(folder: Path) -> Path:
    """A BERT of two layers with a vocabulary of letters, as transformers saves one."""
    import torch
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True, exist_ok=True)
    letters = [*string.ascii_lowercase, *string.digits]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder
