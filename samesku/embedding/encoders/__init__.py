"""Encoders: one file per backend, each imported only when a channel uses it.

A backend with weights (open_clip, timm, sentence_transformers) is reached through
`samesku.embedding.load_encoder`; tfidf and phash are modules of their own and import no torch.
"""
