"""What a program that talks to the control plane is told at its start: arguments, or environment variables."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn, TypeVar
from urllib.parse import urlsplit

PREFIX: Final = "MIGRATOR_"
"""Before the name of each environment variable: --control-plane is MIGRATOR_CONTROL_PLANE."""

Read = TypeVar("Read")


class Parser(argparse.ArgumentParser):
    """Arguments win over the environment. What cannot be is said in one line, and the process ends with 2."""

    def __init__(self, *, prog: str, description: str, environment: Mapping[str, str]) -> None:
        super().__init__(prog=prog, description=description)
        self._environment = environment
        self.told("control-plane", "address of the control plane, such as https://migrator.example")
        self.told("token", "token with the scope ingest")
        self.told("project", "slug of the project")

    def told(self, flag: str, text: str, *, required: bool = True, default: str | None = None) -> None:
        """One more setting with a value. Where neither argument nor environment give one, `default` stands."""
        value = self._environment.get(PREFIX + flag.replace("-", "_").upper()) or default
        self.add_argument(f"--{flag}", help=text, default=value, required=required and value is None)

    def read(self, arguments: Sequence[str], checked: Callable[[argparse.Namespace], Read]) -> Read:
        """What `checked` makes of the arguments; a ValueError of its is what is wrong."""
        given = self.parse_args(arguments)
        try:
            _check_control_plane(given)
            return checked(given)
        except ValueError as error:
            self.error(str(error))

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _check_control_plane(given: argparse.Namespace) -> None:
    address = urlsplit(given.control_plane)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError(f"--control-plane takes an http or https address, not {given.control_plane!r}")
    if not given.token.isascii() or not given.token.isprintable() or not given.token:
        raise ValueError("--token holds characters that no token has")
    if not given.project or not all(each.isascii() and (each.isalnum() or each in "-_") for each in given.project):
        raise ValueError(f"--project takes a project's slug, not {given.project!r}")
