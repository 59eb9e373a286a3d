"""The review queue: uncertain pairs, and the annotations that people gave them."""

import threading
from datetime import UTC, datetime
from pathlib import Path

from samesku import artefacts
from samesku.annotations.file import (
    ANSWERS,
    Annotation,
    Pair,
    format_annotations,
    parse_annotations,
    sort_pair,
)
from samesku.errors import InputError


class ReviewQueue:
    """Pairs in the order in which they are shown, likeliest first, and the file of annotations.

    The file is read before each change and replaced as a whole, so that several people can review.

    Args:
        pairs: review.parquet of a system; there is no pair if the file is missing.
        row_of: posting_id -> row of the catalogue; pairs of other listings are left out.
        annotations: annotations.csv; it may be missing.
    """

    def __init__(self, pairs: Path, row_of: dict[str, int], annotations: Path) -> None:
        self.annotations = annotations
        self._lock = threading.Lock()
        self.pairs: list[Pair] = []
        self.probability: list[float] = []
        if pairs.is_file():
            table = artefacts.read_columns(pairs, ["left", "right", "probability"])
            for left, right, probability in zip(*(table[c].to_pylist() for c in table), strict=True):
                if left in row_of and right in row_of:
                    self.pairs.append(sort_pair(left, right))
                    self.probability.append(probability)

    def read_annotations(self) -> dict[Pair, Annotation]:
        """Every annotation of the file, also of pairs that are no longer in the queue."""
        if not self.annotations.is_file():
            return {}
        return parse_annotations(self.annotations.read_bytes(), self.annotations.as_posix())

    def next_pair(self, start: int = 0) -> int | None:
        """The position of the first pair from `start` on without an annotation; None if there is none."""
        annotated = self.read_annotations()
        return next((i for i in range(start, len(self.pairs)) if self.pairs[i] not in annotated), None)

    def annotate(self, position: int, annotation: str | None) -> None:
        """Write the annotation of a pair; None removes it.

        Raises:
            InputError: there is no such annotation, or no such pair.
        """
        if annotation is not None and annotation not in ANSWERS:
            raise InputError(f"annotation is {annotation!r}; allowed: {', '.join(ANSWERS)}")
        if not 0 <= position < len(self.pairs):
            raise InputError(f"there is no pair {position}; the queue has {len(self.pairs)}")
        pair = self.pairs[position]
        with self._lock:
            annotations = self.read_annotations()
            annotations.pop(pair, None)
            if annotation is not None:
                annotations[pair] = Annotation(annotation, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
            with artefacts.replace_out(self.annotations) as partial:
                partial.write_bytes(format_annotations(annotations))
