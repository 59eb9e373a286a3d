"""The program `samesku`, and how a function becomes one of its commands."""

import functools
import io
import sys
from collections.abc import Callable

import typer

from samesku.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Read the results of the pipeline, and match new listings against its catalogue.",
)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a command; bad input is one sentence on standard error, and exit status 2."""

    name = function.__name__.rstrip("_")  # import_ is the command `import`

    @app.command(name)
    @functools.wraps(function)
    def run(*args: object, **options: object) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that has not every character shows its code
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            function(*args, **options)
        except InputError as error:
            message = str(error)
        except OSError as error:
            message = f"{error.filename or 'input'}: {error.strerror or error}"
        else:
            return
        typer.echo(f"samesku {name}: {message}", err=True)
        raise typer.Exit(2)

    return run
