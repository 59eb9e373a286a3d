"""Mapping a function over many items, in order: by processes of this machine, or on a Ray cluster."""
