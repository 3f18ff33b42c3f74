"""The demo's two services, running, on one datastore."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from migrator.core.comparison import Answer, Comparison, compare

READY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Legacy and candidate, ready to be asked."""

    legacy: str
    candidate: str

    def compare(self, path: str) -> Comparison:
        """Both answers to a GET, held against each other as a gateway does it."""
        return compare(
            control=ask(self.legacy + path),
            candidate=ask(self.candidate + path),
            compared_headers=("content-type", "location"),
        )


def ask(url: str, *, method: str = "GET", body: bytes | None = None) -> Answer:
    request = urllib.request.Request(url, method=method, data=body, headers={"X-User": "7"})
    try:
        answer = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        return Answer(status=answer.status, headers=headers, body=answer.read())


def start(build: str, port: int, database: Path) -> "tuple[subprocess.Popen[bytes], str]":
    command = [sys.executable, "-m", "demo.services", build, "--port", str(port), "--database", str(database)]
    return subprocess.Popen(command), f"http://127.0.0.1:{port}"


def wait_ready(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.05)
