"""Pictures as the stage sample stores them, kept by the bytes of their files: what is there is not decoded again."""

import json
from importlib import metadata
from pathlib import Path

from samesku.artefacts import fingerprint
from samesku.params.schema import Data
from samesku.store import Store, content_key

#: The JPEG for networks, the WebP for people, the perceptual hash ("" where none was wanted), the digest of pixels.
StoredPicture = tuple[bytes, bytes, str, str]


def picture_folder(root: Path | None, data: Data) -> Path | None:
    """The folder of pictures in a store that are shrunk by these params, this code and these libraries."""
    if root is None:
        return None
    versions = [metadata.version(name) for name in ("pillow", "numpy", "imagehash", "scipy")]
    code = [Path(__file__).with_name(name) for name in ("packing.py", "picture.py", "images.py")]
    return root / f"pictures-{fingerprint([data.image_size, data.max_pixels, *versions], code)}"


def picture_key(data: bytes, hash_: bool) -> bytes:
    """The key of a picture's file, by whether its hash is wanted."""
    return content_key(data, b"hash" if hash_ else b"")


class PictureStore:
    """The pictures in a folder of `picture_folder`."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder)

    def get(self, data: bytes, hash_: bool) -> StoredPicture | None:
        """What became of a file of these bytes; None where it is not there."""
        value = self._store.get(picture_key(data, hash_))
        if value is None:
            return None
        head, _, files = value.partition(b"\n")
        phash, content, size = json.loads(head)
        return files[:size], files[size:], phash, content

    def add(self, key: bytes, picture: StoredPicture) -> None:
        image, thumbnail, phash, content = picture
        head = json.dumps([phash, content, len(image)]).encode()
        self._store.add(key, head + b"\n" + image + thumbnail)

    def flush(self) -> None:
        self._store.flush()
