"""Embedding: channels, from params.yaml to one row for each listing."""
