"""Measurements of speed and memory. Importing one caps the instruction sets, before it imports NumPy."""

from samesku.processor import cap_instruction_sets

cap_instruction_sets()
