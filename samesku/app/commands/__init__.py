"""Commands of `samesku` by theme; cli.py has the others."""
