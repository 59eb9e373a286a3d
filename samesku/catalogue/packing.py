"""Many pictures -> images.arrow and thumbnails.arrow, by worker processes, in order, with bounded memory."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from tqdm import tqdm

from samesku.catalogue import quarantine as q
from samesku.catalogue.images import make_thumbnail, open_writer
from samesku.catalogue.picture import is_flat, perceptual_hash, shrink_picture, to_jpeg
from samesku.catalogue.quarantine import Fault, Quarantine
from samesku.catalogue.reader import Row
from samesku.catalogue.source import Source
from samesku.workers.local import Workers, map_in_order


class PackRequest(NamedTuple):
    """A listing's picture.

    Attributes:
        name: of its file, "" for none. hash: whether its hash is to be computed.
        keep: whether the listing stays where the picture cannot be used.
    """

    name: str
    hash: bool
    keep: bool


class PackResult(NamedTuple):
    """What became of a picture: "" or the reason of the fault; its hash, "" where there is none."""

    fault: str
    phash: str


class PackedFiles(NamedTuple):
    """A picture as it is stored: a JPEG for the networks, a WebP for people."""

    image: bytes
    thumbnail: bytes


Result = tuple[PackedFiles | None, PackResult]


@dataclass(frozen=True)
class Packer:
    """Reads, decodes and shrinks one picture; picklable, so that it can work in another process."""

    source: Source
    image_size: int
    max_pixels: int

    def __call__(self, item: tuple[str, bool]) -> Result:
        """A picture's name, and whether to hash it -> its files (None where it fails), and how it went."""
        return self.shrink(self.read(item))

    def read(self, item: tuple[str, bool]) -> tuple[bytes | Fault, bool]:
        """The first half, for a machine that has the source: the file, or what is wrong with it."""
        name, hash_ = item
        try:
            return self.source.picture(name), hash_
        except Fault as fault:
            return fault, hash_

    def shrink(self, item: tuple[bytes | Fault, bool]) -> Result:
        """The second half, for any machine."""
        data, hash_ = item
        try:
            if isinstance(data, Fault):
                raise data
            image = shrink_picture(data, image_size=self.image_size, max_pixels=self.max_pixels)
        except Fault as fault:
            return None, PackResult(fault.reason, "")
        # The hash of the shrunk picture: that of the full one differs from it in 2 bits of 64 for one picture
        # in thirty, and takes as long as decoding it.
        files = PackedFiles(to_jpeg(image), make_thumbnail(image))
        return files, PackResult("", perceptual_hash(image) if hash_ else "")


@dataclass
class _SharedFiles:
    """Stored pictures that further listings share, on disk: memory holds only where they are."""

    uses: Counter[str]
    file: IO[bytes]
    places: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def put(self, name: str, files: PackedFiles | None) -> None:
        if files is not None and self.uses[name] > 1:
            self.places[name] = self.file.seek(0, 2), len(files.image), len(files.thumbnail)
            self.file.writelines(files)

    def get(self, name: str) -> PackedFiles | None:
        if name not in self.places:
            return None
        start, *lengths = self.places[name]
        self.file.seek(start)
        return PackedFiles(*map(self.file.read, lengths))


def store_pictures(
    rows: list[Row],
    packer: Packer | None,
    images: Path,
    thumbnails: Path,
    workers: Workers,
    quarantine: Quarantine,
) -> list[Row]:
    """Store the rows' pictures in `images` and `thumbnails`, and compute the hashes that are not given.

    Args:
        rows: cleaned. packer: None for a catalogue without pictures.

    Returns:
        the rows that have a title, a picture or a hash, in their order; the others go to quarantine.
    """
    results = [PackResult("", "")] * len(rows)
    if packer is None:
        with open_writer(images), open_writer(thumbnails):
            pass
    else:
        wanted = [(row.image, not row.image_phash, bool(row.title or row.image_phash)) for row in rows]
        results = pack_pictures(images, thumbnails, [PackRequest(*w) for w in wanted], packer, workers)
    listings = []
    for row, result in zip(rows, results, strict=True):
        if result.fault:
            quarantine.add(row.row, row.posting_id, row.image, result.fault)
        if is_flat(result.phash):
            quarantine.add(row.row, row.posting_id, row.image, q.HASH_FLAT)
        phash = row.image_phash or ("" if is_flat(result.phash) else result.phash)
        has_image = packer is not None and not result.fault
        if row.title or phash or has_image:
            listings.append(row._replace(image_phash=phash, has_image=has_image))
        else:
            quarantine.add(row.row, row.posting_id, row.image, q.ROW_NOTHING)
    return listings


def pack_pictures(
    out: Path, thumbnails: Path, requests: Sequence[PackRequest], packer: Packer, workers: Workers
) -> list[PackResult]:
    """Write the listings' pictures to `out`, and small to `thumbnails`; each file is read and decoded once.

    A listing that is not kept without its picture, and has none, gets no row. Remote workers are sent each
    file, unless they can read the source too.

    Returns:
        what became of each picture, in the order of `requests`, which is that of the rows.
    """
    names: dict[str, bool] = {}  # distinct files in order -> hash needed by any listing
    for request in requests:
        if request.name:
            names[request.name] = names.get(request.name, False) or request.hash
    done: dict[str, PackResult] = {}
    uses = Counter(request.name for request in requests)
    outcomes = []
    work: Callable[[Any], Result] = packer
    crashed: Result = None, PackResult(q.IMAGE_CRASH, "")
    items: Iterable[Any] = names.items()
    if not isinstance(workers, int) and not packer.source.everywhere:
        work, items = packer.shrink, map(packer.read, items)
    with (
        open_writer(out) as writer,
        open_writer(thumbnails) as small,
        tempfile.TemporaryFile(dir=out.parent) as shared,
        closing(map_in_order(work, items, workers, crashed)) as results,
        tqdm(total=len(names), desc="pictures", unit=" pictures", disable=None) as bar,
    ):
        shared_files = _SharedFiles(uses, shared)
        for request in requests:
            if not request.name:
                outcome, files = PackResult(q.IMAGE_UNNAMED, ""), None
            elif request.name in done:
                outcome, files = done[request.name], shared_files.get(request.name)
            else:
                files, outcome = next(results)
                done[request.name] = outcome
                shared_files.put(request.name, files)
                bar.update()
            if files is not None or request.keep:
                writer.append(files and files.image)
                small.append(files and files.thumbnail)
            outcomes.append(outcome)
    return outcomes
