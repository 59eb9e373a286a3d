"""The tiny checkpoints of every backend, as the encoders' own tests have them."""

from tests.embedding.encoders.conftest import bert, clip, encoders, images, sbert, specs, timm_file

__all__ = ["bert", "clip", "encoders", "images", "sbert", "specs", "timm_file"]
