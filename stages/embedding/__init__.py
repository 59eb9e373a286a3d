"""Embedding: what every encoder shares, from a channel's spec and weights to the rows of all listings."""

from stages.embedding.load import load_encoder
from stages.embedding.spec import Spec

__all__ = ["Spec", "load_encoder"]
