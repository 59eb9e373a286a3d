"""Where the command `samesku` starts: it caps the instruction sets before it imports the library."""

from samesku.interrupts import end_in_one_line
from samesku.processor import cap_instruction_sets


def main() -> None:
    """Run the command line."""
    end_in_one_line()
    cap_instruction_sets()
    from samesku.app.cli import app

    app()


if __name__ == "__main__":
    main()
