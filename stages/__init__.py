"""The scripts of dvc.yaml. Importing one caps the instruction sets, before it imports NumPy."""

import sys

from samesku.interrupts import end_in_one_line
from samesku.processor import cap_instruction_sets

if sys.argv[0] == "-m":  # `python -m stages.sample`, while this is imported
    end_in_one_line()
cap_instruction_sets()
