"""The check that the installed Gymnasium is new enough."""

import re

from games.errors import UserError

OLDEST = (1, 4)  # as in pyproject.toml


def require_gymnasium() -> None:
    """`UserError` if Gymnasium is missing or older than `OLDEST`."""
    wanted = ".".join(map(str, OLDEST))
    try:
        import gymnasium
    except ModuleNotFoundError as error:
        if error.name != "gymnasium":
            raise
        raise UserError(f'Gymnasium is not installed: pip install "gymnasium>={wanted}"') from error
    numbers = re.match(r"(\d+)\.(\d+)", gymnasium.__version__)
    if numbers and tuple(map(int, numbers.groups())) < OLDEST:
        raise UserError(
            f"Gymnasium {gymnasium.__version__} is too old: Sparring needs {wanted} or newer.\n"
            f'Install it: pip install --upgrade "gymnasium>={wanted}"'
        )
