"""Embedding: what every encoder shares, from a channel's spec and weights to the rows of all listings."""

from samesku.embedding.registry import load_encoder
from samesku.embedding.spec import Spec

__all__ = ["Spec", "load_encoder"]
