"""The real httpbin, from PyPI: an old release as legacy and a new one as candidate.

Each has a virtual environment of its own below `.local`, because none of them can share ours.
`python -m demo.httpbin --home DIR` builds both and prints their versions, legacy's first.
"""

import argparse
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SERVERS: Final = ("gunicorn==27.0.1", "waitress==3.0.2")
BUILD_SECONDS: Final = 300.0
_PIP: Final = ("--quiet", "--no-input", "--retries", "2", "--only-binary", ":all:", "--no-binary", "flasgger")
"""Wheels only, so no compiler is needed; flasgger comes as source, which is nothing but Python."""


class BuildFailed(RuntimeError):
    """A release cannot be installed here. The message is pip's last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of httpbin with what it needs."""

    version: str
    pins: tuple[str, ...] = ()

    def python(self, home: Path) -> Path:
        return home / f"httpbin-{self.version}" / "bin" / "python"

    def build(self, home: Path) -> None:
        """Install it below `home`, unless that was done before. Raises BuildFailed."""
        python = self.python(home)
        done = python.parent.parent / "installed"
        if done.exists():
            return
        venv.create(python.parent.parent, clear=True, with_pip=True)
        wanted = (f"httpbin=={self.version}", *self.pins, *SERVERS)
        _run(python, "-m", "pip", "install", *_PIP, *wanted)
        # A release that is older than this Python may install well and then not start.
        _run(python, "-W", "ignore", "-c", "from httpbin import app; app.test_client().get('/get').get_json()['url']")
        done.touch()

    def command(self, home: Path, *, port: int, server: str = "gunicorn") -> list[str]:
        """How to serve it on loopback, by gunicorn or by waitress."""
        python, address = str(self.python(home)), f"127.0.0.1:{port}"
        if server == "waitress":
            return [python, "-W", "ignore", "-m", "waitress", f"--listen={address}", "--threads=8", "httpbin:app"]
        threads = ("--worker-class", "gthread", "--threads", "8", "--no-control-socket")
        return [python, "-W", "ignore", "-m", "gunicorn", "httpbin:app", "--bind", address, *threads]


LEGACY: Final = (
    # From 2018, with what it was made for, as far as that can still be installed.
    Release(
        version="0.7.0",
        pins=("Flask==1.0.4", "Werkzeug==0.16.1", "Jinja2==3.0.3", "itsdangerous==2.0.1", "flasgger==0.9.5"),
    ),
    # Where a newer Python cannot run that any more.
    Release(version="0.10.2", pins=("Flask==3.1.3", "Werkzeug==3.1.9", "flasgger==0.9.7.1")),
)
"""The first one that works here is legacy."""
CANDIDATE: Final = Release(version="0.10.4", pins=("Flask==3.1.3", "Werkzeug==3.1.9", "flasgger==0.9.7.1"))
"""With flasgger it serves its own OpenAPI document at /spec.json."""


def build_legacy(home: Path) -> Release:
    """Raises BuildFailed where no release that may be legacy works here."""
    for release in LEGACY[:-1]:
        try:
            release.build(home)
        except BuildFailed:
            continue
        return release
    LEGACY[-1].build(home)
    return LEGACY[-1]


def _run(python: Path, *arguments: str) -> None:
    done = subprocess.run([python, *arguments], capture_output=True, text=True, timeout=BUILD_SECONDS)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise BuildFailed(said[-1] if said else f"{arguments} failed")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.httpbin", description="Install two releases of httpbin.")
    parser.add_argument("--home", type=Path, required=True)
    home = parser.parse_args().home
    try:
        legacy = build_legacy(home)
        CANDIDATE.build(home)
    except (BuildFailed, subprocess.TimeoutExpired, OSError) as failure:
        sys.stderr.write(f"httpbin cannot be installed: {failure}\n")
        return 1
    sys.stdout.write(f"{legacy.version} {CANDIDATE.version}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
