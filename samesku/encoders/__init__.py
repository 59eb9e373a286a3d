"""One file for each backend, with `load(spec) -> Encoder`; imported when a channel uses it.

samesku.params.backends lists them, and samesku.encoders.registry loads them. tfidf and phash do without
torch.
"""
