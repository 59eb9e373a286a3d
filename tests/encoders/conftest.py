"""The encoders of tests/embedding."""

from tests.embedding.conftest import bert_folder, clip, encoders, images, sbert_folder, specs, timm_file

__all__ = ["bert_folder", "clip", "encoders", "images", "sbert_folder", "specs", "timm_file"]
