"""`python -m jazzaam`, and the `jazzaam` command."""

import sys
from io import TextIOWrapper

from jazzaam.cli import cli
from jazzaam.embedded.lifeline import watch_lifeline
from jazzaam.errors import JazzaamError

CANNOT = 2
"""Exit status for what the caller can mend: settings, arguments, a database that is not there."""


def main() -> None:
    """Run the command line; what the caller can mend is one line and exit status 2."""
    watch_lifeline()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what it cannot show ends nothing
    try:
        cli()
    except JazzaamError as error:
        print(f"jazzaam: {error.detail}", file=sys.stderr)  # noqa: T201 - the command line speaks
        sys.exit(CANNOT)


if __name__ == "__main__":
    main()
