"""The demo's receiver shows what was told, whatever it is sent."""

import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from demo.receiver import Receiver
from tests.demo.pair import ask


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.heard.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_receiver__a_message__is_listed_with_its_link_and_without_its_markup(receiver: str) -> None:
    told = {"severity": "critical", "title": "Roll back <b>", "sentence": "6 differ.", "link": "http://127.0.0.1/u?a&b"}
    assert ask(receiver, method="POST", body=json.dumps({"messages": [told, "no message"]}).encode()).status == 204
    page = ask(receiver).body.decode()
    assert "critical: Roll back &lt;b&gt;: 6 differ." in page
    assert 'href="http://127.0.0.1/u?a&amp;b"' in page


def test_receiver__nothing_told_yet__says_so(receiver: str) -> None:
    assert b"Nothing has been told yet." in ask(receiver).body


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"17"])
def test_receiver__no_message__is_refused_and_kept_out(receiver: str, body: bytes) -> None:
    assert ask(receiver, method="POST", body=body).status == 400
    assert b"Nothing has been told yet." in ask(receiver).body


def test_receiver__a_link_that_is_no_address__is_not_made_one(receiver: str) -> None:
    ask(receiver, method="POST", body=json.dumps({"messages": [{"title": "t", "link": "javascript:x"}]}).encode())
    assert b"href" not in ask(receiver).body
