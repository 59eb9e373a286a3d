"""The exceptions for input that cannot be used."""


class InputError(ValueError):
    """Input that cannot be used; the message is one sentence for the person who gave it.

    It says what is wrong, where, what is allowed, and where there is one, the way out.
    """


class DamagedFile(InputError):
    """A file of the pipeline that is missing, cannot be read, or holds impossible numbers.

    It stops a baseline too, which other bad input only skips.
    """
