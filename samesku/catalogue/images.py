"""images.arrow and thumbnails.arrow: every listing's picture, small, in one memory-mapped file each."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from samesku.arrays import Ints
from samesku.reading import reading

_SCHEMA = pa.schema([pa.field("image", pa.binary())])
_ROWS = 64  # of a record batch, some 2 MB
THUMBNAIL_SIDE = 144  # pixels of a thumbnail's longer side


class Jpegs(Sequence[Image.Image | None]):
    """Pictures that are decoded when they are asked for; None where a listing has none. Holds their JPEGs."""

    path = Path("images.arrow")  # for errors

    def __init__(self, jpegs: list[bytes | None]) -> None:
        self.jpegs = jpegs

    def __len__(self) -> int:
        return len(self.jpegs)

    def jpeg(self, i: int) -> bytes | None:
        return self.jpegs[i]

    @overload
    def __getitem__(self, i: int) -> Image.Image | None: ...
    @overload
    def __getitem__(self, i: slice) -> list[Image.Image | None]: ...
    def __getitem__(self, i: int | slice) -> Image.Image | list[Image.Image | None] | None:
        if isinstance(i, slice):
            return [self[j] for j in range(len(self))[i]]
        jpeg = self.jpeg(i)
        if jpeg is None:
            return None
        with reading(self.path):
            image = Image.open(io.BytesIO(jpeg))
            image.load()
        return image


class PackedImages(Jpegs):
    """The pictures of images.arrow in the order of listings.parquet.

    Empty for a catalogue without pictures. Opens lazily and is picklable: each worker maps it for itself.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __reduce__(self) -> tuple[type[PackedImages], tuple[Path]]:
        return type(self), (self.path,)

    @cached_property
    def _file(self) -> pa.ipc.RecordBatchFileReader:
        with reading(self.path):
            file = pa.ipc.open_file(pa.memory_map(str(self.path)))
            if file.schema != _SCHEMA:
                raise ValueError(f"its columns are {file.schema.names}")
            return file

    @cached_property
    def _length(self) -> int:
        last = self._file.num_record_batches - 1
        return last * _ROWS + self._batch(last).num_rows if last >= 0 else 0

    def _batch(self, i: int) -> pa.RecordBatch:
        with reading(self.path):
            batch = self._file.get_batch(i)
            batch.validate(full=True)  # the offsets of a damaged file may lead anywhere in memory
            return batch

    def __len__(self) -> int:
        return self._length

    def jpeg(self, i: int) -> bytes | None:
        """The JPEG of listing `i` as it is stored; None where it has none."""
        i = range(len(self))[i]  # negative and out of range as in a list
        return self._batch(i // _ROWS).column(0)[i % _ROWS].as_py()

    @cached_property
    def sizes(self) -> Ints:
        """int (N,): bytes of each stored picture, 0 for none."""
        parts = [
            pc.fill_null(pc.binary_length(self._batch(i).column(0)), 0).to_numpy()
            for i in range(self._file.num_record_batches)
        ]
        return np.concatenate([np.empty(0, np.int32), *parts])

    def some(self, rows: list[int]) -> Jpegs:
        """The pictures of these listings, as they can be sent to another machine."""
        return Jpegs([self.jpeg(row) for row in rows])


class Writer:
    """Appends pictures one by one; holds at most one record batch."""

    def __init__(self, file: pa.ipc.RecordBatchFileWriter) -> None:
        self._file = file
        self._waiting: list[bytes | None] = []

    def append(self, jpeg: bytes | None) -> None:
        self._waiting.append(jpeg)
        if len(self._waiting) == _ROWS:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._file.write_batch(pa.record_batch([pa.array(self._waiting, pa.binary())], schema=_SCHEMA))
            self._waiting = []


@contextmanager
def open_writer(path: Path) -> Iterator[Writer]:
    """Open a file of pictures for writing, from the first listing to the last."""
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, _SCHEMA) as file:
        writer = Writer(file)
        yield writer
        writer.flush()


def make_thumbnail(image: Image.Image) -> bytes:
    """A picture of any size as a small WebP for people, some 4 KB of a photograph.

    Quality 65, effort 2: a fifth smaller than JPEG, in twice its time; effort 4 saves another 4%.
    """
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=65, method=2)
    return out.getvalue()


def read_thumbnails(path: Path) -> list[bytes | None]:
    """Each listing's WebP, in the order of listings.parquet; None where it has no picture.

    Empty for a catalogue without pictures.
    """
    with reading(path), pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
        table.validate(full=True)
        return table["image"].to_pylist()
