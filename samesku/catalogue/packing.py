"""Many pictures -> images.arrow and thumbnails.arrow, by worker processes, in order, with bounded memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from tqdm import tqdm

from samesku.catalogue.images import writing
from samesku.catalogue.phash import perceptual_hash
from samesku.catalogue.picture import shrink, to_jpeg
from samesku.catalogue.quarantine import IMAGE_CRASH, IMAGE_UNNAMED, Fault
from samesku.catalogue.source import Source
from samesku.catalogue.thumbnails import to_thumbnail
from samesku.workers.local import Elsewhere, in_order


class Wanted(NamedTuple):
    """A listing's picture: its name ("": none), whether its hash is to be computed, and whether the listing
    stays where the picture fails."""

    name: str
    hash: bool
    stays: bool


class Packed(NamedTuple):
    """What became of it: "" or the reason of the fault; the hash, "" where not asked for or not to be had."""

    fault: str
    phash: str


class Files(NamedTuple):
    """A picture as it is packed: a JPEG for the networks, a WebP for people."""

    image: bytes
    thumbnail: bytes


Result = tuple[Files | None, Packed]


@dataclass(frozen=True)
class Packer:
    """Reads, decodes and shrinks one picture; picklable, so that it can work in another process."""

    source: Source
    image_size: int
    max_pixels: int

    def __call__(self, item: tuple[str, bool]) -> Result:
        """A picture's name, and whether to hash it -> its files (None where it fails), and how it went."""
        return self.shrunk(self.read(item))

    def read(self, item: tuple[str, bool]) -> tuple[bytes | Fault, bool]:
        """The first half, for a machine that has the source: the file, or what is wrong with it."""
        name, hash_ = item
        try:
            return self.source.picture(name), hash_
        except Fault as fault:
            return fault, hash_

    def shrunk(self, item: tuple[bytes | Fault, bool]) -> Result:
        """The second half, for any machine."""
        data, hash_ = item
        try:
            if isinstance(data, Fault):
                raise data
            image = shrink(data, image_size=self.image_size, max_pixels=self.max_pixels)
        except Fault as fault:
            return None, Packed(fault.reason, "")
        # The hash of the shrunk picture: that of the full one differs from it in 2 bits of 64 for one picture
        # in thirty, and takes as long as decoding it.
        files = Files(to_jpeg(image), to_thumbnail(image))
        return files, Packed("", perceptual_hash(image) if hash_ else "")


@dataclass
class _Spool:
    """Files that further listings share, on disk: only their places are held in memory."""

    uses: Counter[str]
    file: IO[bytes]
    places: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def put(self, name: str, files: Files | None) -> None:
        if files is not None and self.uses[name] > 1:
            self.places[name] = self.file.seek(0, 2), len(files.image), len(files.thumbnail)
            self.file.writelines(files)

    def get(self, name: str) -> Files | None:
        if name not in self.places:
            return None
        start, *lengths = self.places[name]
        self.file.seek(start)
        return Files(*map(self.file.read, lengths))


def pack(
    out: Path, thumbnails: Path, wanted: Sequence[Wanted], packer: Packer, workers: int | Elsewhere
) -> list[Packed]:
    """Write the listings' pictures to `out`, and small to `thumbnails`; each file is read and decoded once.

    A listing that does not stay without its picture, and has none, gets no row.

    Args:
        wanted: one for each listing, in the order of the rows.
        workers: processes; 0 decodes in this one. Workers elsewhere are sent each file, unless they can read
            the source too.

    Returns:
        what became of each picture, in the order of `wanted`.
    """
    names: dict[str, bool] = {}  # distinct files in order -> hash needed by any listing
    for want in wanted:
        if want.name:
            names[want.name] = names.get(want.name, False) or want.hash
    done: dict[str, Packed] = {}
    uses = Counter(want.name for want in wanted)
    outcomes = []
    with (
        writing(out) as writer,
        writing(thumbnails) as small,
        tempfile.TemporaryFile(dir=out.parent) as shared,
        closing(_results(packer, names.items(), workers)) as results,
        tqdm(total=len(names), desc="pictures", unit=" pictures", disable=None) as bar,
    ):
        spool = _Spool(uses, shared)
        for want in wanted:
            if not want.name:
                outcome, files = Packed(IMAGE_UNNAMED, ""), None
            elif want.name in done:
                outcome, files = done[want.name], spool.get(want.name)
            else:
                files, outcome = next(results)
                done[want.name] = outcome
                spool.put(want.name, files)
                bar.update()
            if files is not None or want.stays:
                writer.append(files and files.image)
                small.append(files and files.thumbnail)
            outcomes.append(outcome)
    return outcomes


def _results(
    packer: Packer, items: Iterable[tuple[str, bool]], workers: int | Elsewhere
) -> Generator[Result]:
    crashed: Result = None, Packed(IMAGE_CRASH, "")
    if isinstance(workers, int) or packer.source.everywhere:
        return in_order(packer, items, workers, crashed)
    return in_order(packer.shrunk, map(packer.read, items), workers, crashed)
