"""What a gateway is told at its start."""

import argparse
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migrator.sdk.arguments import Parser
from migrator.sdk.upstream import parse_address

MAX_WORKERS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A gateway's settings, checked."""

    control_plane: str
    token: str
    project: str
    host: str
    port: int
    admin_host: str
    admin_port: int
    admin_named: bool
    """Somebody chose the admin address: it is that one or none."""
    state_dir: Path
    workers: int
    name: str
    legacy: str | None


def read_config(arguments: list[str], environment: dict[str, str]) -> Config:
    """Arguments win over the environment. What cannot be is said in one line, and the process ends with 2."""
    parser = Parser(
        prog="migrator.gateway",
        description="The tap-compare proxy: stands where legacy's address was.",
        environment=environment,
    )
    parser.told("listen", "HOST:PORT for callers")
    for flag, text, default in (
        ("state-dir", "where the last table and unsent reports are kept", None),
        ("workers", "how many processes serve", "1"),
        ("admin", "HOST:PORT of the admin address; loopback, one port above --listen or a free one", None),
        ("name", "this gateway's name in reports; the host's", socket.gethostname()),
        ("legacy", "legacy's address, for as long as no table has been seen", None),
    ):
        parser.told(flag, text, required=False, default=default)
    return parser.read(arguments, _checked)


def _checked(given: argparse.Namespace) -> Config:
    host, port = _host_and_port("--listen", given.listen)
    admin_host, admin_port = _host_and_port("--admin", given.admin) if given.admin else ("127.0.0.1", port + 1)
    if not given.workers.isdigit() or not 1 <= int(given.workers) <= MAX_WORKERS:
        raise ValueError(f"--workers takes a number from 1 to {MAX_WORKERS}, not {given.workers!r}")
    for url in filter(None, (given.control_plane, given.legacy)):
        parse_address(url)
    return Config(
        control_plane=given.control_plane,
        token=given.token,
        project=given.project,
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        admin_named=bool(given.admin),
        state_dir=_state_dir(given.state_dir, given.project),
        workers=int(given.workers),
        name=given.name[:180],
        legacy=given.legacy or None,
    )


def _host_and_port(flag: str, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"{flag} takes HOST:PORT with a port from 1 to 65535, not {text!r}")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - `:8080` means every address, as everywhere


def _state_dir(given: str | None, project: str) -> Path:
    if given:
        path = Path(given)
    else:
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        path = Path(home) / "migrator" / "gateway" / project
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--state-dir {path} cannot be used: {error.strerror}") from error
    if not os.access(path, os.W_OK):
        raise ValueError(f"--state-dir {path} cannot be written to")
    return path
