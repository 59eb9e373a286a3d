"""The one exception for input that cannot be used."""


class InputError(ValueError):
    """Input that cannot be used; the message is one sentence for the person who gave it.

    It says what is wrong, where, what is allowed, and where there is one, the way out.
    """
