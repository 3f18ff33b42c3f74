"""`python -m demo.receiver --port N`: takes what the product tells, and shows it: `GET /` lists it, newest first.

It stands for a chat or a pager. Each message is a line in its log too. Signatures are not asked for here: what is
told comes from this machine.
"""

import argparse
import html
import json
from collections import deque
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final

KEPT: Final = 100
MOST_BYTES: Final = 1_000_000


class Receiver(BaseHTTPRequestHandler):
    """Keeps the last messages in memory."""

    heard: ClassVar[deque[Mapping[str, Any]]] = deque(maxlen=KEPT)
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        body = self.rfile.read(int(length)) if length.isdigit() and int(length) <= MOST_BYTES else b""
        try:
            envelope = json.loads(body)
        except ValueError:
            envelope = None
        if not isinstance(envelope, dict):
            self._answer(400, "This takes JSON objects.\n", "text/plain")
            return
        for message in messages_of(envelope):
            self.heard.appendleft(message)
            print(headline(message), flush=True)  # noqa: T201 - its log is what it is for
        self._answer(204, "", "text/plain")

    def do_GET(self) -> None:
        self._answer(200, page(list(self.heard)), "text/html")

    def _answer(self, status: int, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests are no news here."""


def messages_of(envelope: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What travels together, one by one. Whatever is no message is left out."""
    found = envelope.get("messages")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def headline(message: Mapping[str, Any]) -> str:
    """What a message says, in one line."""
    parts = (message.get(name) for name in ("severity", "title", "sentence"))
    return ": ".join(str(part) for part in parts if part)[:500]


def page(heard: Iterable[Mapping[str, Any]]) -> str:
    """A list of what came, for a browser."""
    items = "".join(f"<li>{_link(message)}</li>" for message in heard) or "<li>Nothing has been told yet.</li>"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta http-equiv="refresh" content="5"><title>Told by Migrator</title>'
        f"<h1>Told by Migrator, newest first</h1><ol>{items}</ol></html>"
    )


def _link(message: Mapping[str, Any]) -> str:
    said, url = html.escape(headline(message)), str(message.get("link") or "")
    return f'<a href="{html.escape(url)}">{said}</a>' if url.startswith(("http://", "https://")) else said


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.receiver", description="Takes what the product tells.")
    parser.add_argument("--port", type=int, required=True)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Receiver).serve_forever()


if __name__ == "__main__":
    main()
