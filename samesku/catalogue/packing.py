"""Many pictures -> images.arrow and thumbnails.arrow, by worker processes, in order, with bounded memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, NamedTuple

from tqdm import tqdm

from samesku.catalogue import quarantine as q
from samesku.catalogue.further import FurtherPicture
from samesku.catalogue.images import make_thumbnail, open_writer
from samesku.catalogue.picture import is_flat, perceptual_hash, shrink_picture, to_jpeg
from samesku.catalogue.picture_store import PictureStore, picture_key
from samesku.catalogue.quarantine import Fault, Quarantine
from samesku.catalogue.reader import Row
from samesku.catalogue.source import Source
from samesku.workers.local import Workers, map_in_order


class PackRequest(NamedTuple):
    """A listing's pictures.

    Attributes:
        name: of the file of the first, "" for none. hash: whether its hash is to be computed.
        keep: whether the listing stays where no picture can be used.
        further: names of further pictures, whose hashes are always computed.
    """

    name: str
    hash: bool
    keep: bool
    further: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.further)


class PackResult(NamedTuple):
    """What became of a picture, and of the `further` ones of its listing.

    Attributes:
        fault: "" or the reason. phash: its hash, "" where there is none. content: a digest of its pixels, equal for
            copies under other names; "" where it has one colour, as stand-ins for "no picture" have.
    """

    fault: str
    phash: str
    further: tuple[Any, ...] = ()
    content: str = ""

    @property
    def pictures(self) -> tuple[PackResult, ...]:
        return (self, *self.further)


class PackedFiles(NamedTuple):
    """A picture as it is stored: a JPEG for the networks, a WebP for people."""

    image: bytes
    thumbnail: bytes


#: Of one picture: its files (None where it fails), how it went, and its key where the store lacks it.
Result = tuple[PackedFiles | None, PackResult, bytes | None]


@dataclass(frozen=True)
class Packer:
    """Reads, decodes and shrinks one picture; picklable, so that it can work in another process.

    store: the folder of stored pictures, whose files are not decoded again; None: each is decoded.
    """

    source: Source
    image_size: int
    max_pixels: int
    store: Path | None = None

    def __call__(self, item: tuple[str, bool]) -> Result:
        """A picture's name, and whether to hash it -> what became of it."""
        return self.shrink(self.read(item))

    def read(self, item: tuple[str, bool]) -> tuple[bytes | Fault | Result, bool]:
        """The first half, for a machine that has the source: the file, what is wrong with it, or what is stored."""
        name, hash_ = item
        try:
            data = self.source.picture(name)
        except Fault as fault:
            return fault, hash_
        stored = self.stored.get(data, hash_) if self.stored else None
        if stored is None:
            return data, hash_
        return (PackedFiles(*stored[:2]), PackResult("", stored[2], content=stored[3]), None), hash_

    def shrink(self, item: tuple[bytes | Fault | Result, bool]) -> Result:
        """The second half, for any machine."""
        data, hash_ = item
        try:
            if isinstance(data, Fault):
                raise data
            if not isinstance(data, bytes):
                return data
            image = shrink_picture(data, image_size=self.image_size, max_pixels=self.max_pixels)
        except Fault as fault:
            return None, PackResult(fault.reason, ""), None
        # The hash of the shrunk picture: that of the full one differs from it in 2 bits of 64 for one picture
        # in thirty, and takes as long as decoding it.
        files = PackedFiles(to_jpeg(image), make_thumbnail(image))
        has_one_colour = image.getcolors(1) is not None
        content = "" if has_one_colour else blake2b(files.image, digest_size=16).hexdigest()
        result = PackResult("", perceptual_hash(image) if hash_ else "", content=content)
        return files, result, picture_key(data, hash_)

    @cached_property
    def stored(self) -> PictureStore | None:
        """The pictures that are stored, as this process has them open."""
        return None if self.store is None else PictureStore(self.store)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "stored"}


@dataclass
class _SharedFiles:
    """Stored pictures that are needed again, on disk: memory holds only where they are."""

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
        requests = [
            PackRequest(row.image, not row.image_phash, bool(row.title or row.image_phash), row.names[1:])
            for row in rows
        ]
        results = pack_pictures(images, thumbnails, requests, packer, workers)
    listings = []
    for row, result in zip(rows, results, strict=True):
        for name, picture in zip(row.names, result.pictures, strict=packer is not None):
            if picture.fault:
                quarantine.add(row.row, row.posting_id, name, picture.fault)
            if is_flat(picture.phash):
                quarantine.add(row.row, row.posting_id, name, q.HASH_FLAT)
        first, others = (None, []) if packer is None else order_pictures(result, bool(row.image_phash))
        phash = row.image_phash or ("" if first is None else _usable_hash(result.pictures[first]))
        listing = row._replace(
            image=row.names[first or 0],
            image_phash=phash,
            has_image=first is not None,
            contents=tuple(picture.content for picture in result.pictures if picture.content),
            further=tuple(FurtherPicture(row.names[i], _usable_hash(result.pictures[i])) for i in others),
        )
        if row.title or phash or listing.has_image:
            listings.append(listing)
        else:
            quarantine.add(row.row, row.posting_id, row.image, q.ROW_NOTHING)
    return listings


def order_pictures(result: PackResult, hash_given: bool) -> tuple[int | None, list[int]]:
    """The place of a listing's first picture that can be used (None: it has none), and those of its further ones.

    A given hash is that of the picture that the table names first. Where another one takes its place, that one is
    a further picture too, so that its hash counts beside the given one.
    """
    usable = [place for place, picture in enumerate(result.pictures) if not picture.fault]
    if not usable:
        return None, []
    return usable[0], usable if hash_given and usable[0] > 0 else usable[1:]


def _usable_hash(picture: PackResult) -> str:
    return "" if is_flat(picture.phash) else picture.phash


def pack_pictures(
    out: Path, thumbnails: Path, requests: Sequence[PackRequest], packer: Packer, workers: Workers
) -> list[PackResult]:
    """Write the listings' pictures to `out`, and small to `thumbnails`; each file is read and decoded once.

    A row for each listing, with the first of its pictures that can be used; after all of them a row for each
    further picture, in the order of the listings (`order_pictures`). A listing that is not kept without its
    pictures, and has none, gets no row. Remote workers are sent each file, unless they can read the source too.

    Returns:
        what became of each listing's pictures, in the order of `requests`, which is that of the rows.
    """
    names: dict[str, bool] = {}  # distinct files in order -> hash needed by any listing
    uses: Counter[str] = Counter()
    for request in requests:
        for place, name in enumerate(filter(None, request.names)):
            names[name] = names.get(name, False) or request.hash or place > 0
            uses[name] += 2 if request.further else 1  # a further picture is written later
    done: dict[str, PackResult] = {}
    outcomes = []
    further: list[str] = []
    work: Callable[[Any], Result] = packer
    store = PictureStore(packer.store) if packer.store else None
    crashed: Result = None, PackResult(q.IMAGE_CRASH, ""), None
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

        def pack(name: str) -> tuple[PackedFiles | None, PackResult]:
            if not name:
                return None, PackResult(q.IMAGE_UNNAMED, "")
            if name in done:
                return shared_files.get(name), done[name]
            files, done[name], key = next(results)
            if store and files and key:
                store.add(key, (*files, done[name].phash, done[name].content))
            shared_files.put(name, files)
            bar.update()
            return files, done[name]

        def write(files: PackedFiles | None) -> None:
            writer.append(files and files.image)
            small.append(files and files.thumbnail)

        for request in requests:
            packed = [pack(name) for name in request.names]
            files = next((files for files, _ in packed if files), None)
            if files is not None or request.keep:
                write(files)
            outcome = packed[0][1]._replace(further=tuple(result for _, result in packed[1:]))
            further += [request.names[place] for place in order_pictures(outcome, not request.hash)[1]]
            outcomes.append(outcome)
        for name in further:
            write(shared_files.get(name))
    if store:
        store.flush()
    return outcomes
