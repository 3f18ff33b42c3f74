"""Callers of the one address who leave, stall or read nothing: no thread of the pages' waits for them."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from migrator.dataplane import forward
from tests.dataplane.test_front import running_front
from tests.wires import Caller, Service, Wire, plain

FOR_EVER_S = 10.0
PIECE = b"x" * 65_536
GET = b"GET /export HTTP/1.1\r\nHost: a\r\n\r\n"
HALF_A_POST = b"POST /import HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"


class Pages:
    """The pages, whose every byte a test decides. `cut` is set once nobody takes an endless answer any more."""

    def __init__(self) -> None:
        self.service = Service()
        self.cut = threading.Event()

    def endless(self, wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        try:
            while True:
                wire.send(PIECE)
                time.sleep(0.001)
        except OSError:
            self.cut.set()


@pytest.fixture
def pages(free_port: int) -> Iterator[Pages]:
    pages = Pages()
    with running_front(free_port, pages.service.url):
        yield pages
    pages.service.refuse()


@pytest.fixture
def caller(pages: Pages, free_port: int) -> Caller:
    return Caller(free_port, timeout=FOR_EVER_S)


def test_answer__to_a_caller_who_leaves__is_not_read_to_its_end(pages: Pages, caller: Caller) -> None:
    pages.service.serve = pages.endless
    caller.send(GET)
    caller.exactly(1_000_000)
    caller.close()
    assert pages.cut.wait(FOR_EVER_S)


def test_answer__to_a_caller_who_reads_nothing__is_cut_off(
    pages: Pages, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "READER_S", 0.3, raising=False)
    pages.service.serve = pages.endless
    caller.send(GET)
    assert pages.cut.wait(FOR_EVER_S)


def test_request__that_came_whole__is_carried_out_though_its_caller_has_left(pages: Pages, caller: Caller) -> None:
    done = threading.Event()

    def serve(wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        time.sleep(0.3)  # the caller is gone by now
        if wire.exactly(4) == b"undo":
            wire.send(plain())
            done.set()

    pages.service.serve = serve
    caller.send(b"POST /undo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nundo")
    time.sleep(0.1)
    caller.close()
    assert done.wait(FOR_EVER_S)


def test_answer__that_comes_before_the_request_has_ended__is_not_kept_waiting(pages: Pages, caller: Caller) -> None:
    def refuse(wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        wire.send(plain(b"too large", status=b"413 Too Large"))
        wire.rest()

    pages.service.serve = refuse
    caller.send(HALF_A_POST)
    answer = caller.answer()
    assert (answer.status, answer.body) == (413, b"too large")


def test_caller__that_stops_in_the_middle_of_its_request__is_told_so(
    pages: Pages, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "PATIENCE_S", 0.3)
    left = threading.Event()

    def serve(wire: Wire) -> None:
        wire.rest()
        left.set()

    pages.service.serve = serve
    caller.send(HALF_A_POST)
    answer = caller.answer()
    assert (answer.status, b"stopped before its end" in answer.body) == (408, True)
    assert left.wait(FOR_EVER_S)


def test_pages__that_read_no_body__are_what_the_caller_waited_for(
    pages: Pages, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "PATIENCE_S", 0.5)
    over = threading.Event()
    pages.service.serve = lambda wire: over.wait(FOR_EVER_S) and None
    size = 100_000_000
    head = b"POST /import HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
    sending = threading.Thread(target=_pour, args=(caller, head, size), daemon=True)
    sending.start()
    assert caller.answer().status == 504
    over.set()
    caller.close()
    sending.join(FOR_EVER_S)


def _pour(caller: Caller, head: bytes, size: int) -> None:
    """Send as much of a body as anybody takes."""
    try:
        caller.send(head)
        for _ in range(size // len(PIECE)):
            caller.send(PIECE)
    except OSError:
        return


def test_answer__that_breaks_off__is_seen_to_by_the_caller(pages: Pages, caller: Caller) -> None:
    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    pages.service.serve = serve
    caller.send(GET)
    with pytest.raises((EOFError, ConnectionResetError)):
        caller.answer()


@pytest.mark.parametrize("status", [b"304 Not Modified", b"204 No Content"])
def test_answer_without_body__even_if_it_names_a_length__leaves_the_connection_usable(
    pages: Pages, caller: Caller, status: bytes
) -> None:
    pages.service.respond = lambda request: b"HTTP/1.1 " + status + b"\r\nETag: x\r\nContent-Length: 5\r\n\r\n"
    for _ in range(3):
        answer = caller.ask(GET)
        assert (answer.status, answer.values(b"etag")) == (int(status[:3]), [b"x"])


def test_head__whose_answer_names_a_length__leaves_the_connection_usable(pages: Pages, caller: Caller) -> None:
    pages.service.respond = lambda request: plain(b"" if request.method == b"HEAD" else b"hello").replace(
        b"Content-Length: 0", b"Content-Length: 5"
    )
    for _ in range(3):
        assert caller.ask(GET.replace(b"GET", b"HEAD")).values(b"content-length") == [b"5"]
        assert caller.ask(GET).body == b"hello"


def test_caller__that_ends_its_half__does_not_stop_the_next_one(pages: Pages, caller: Caller, free_port: int) -> None:
    pages.service.respond = lambda request: plain(PIECE * 20)
    caller.send(GET)
    caller.socket.shutdown(socket.SHUT_WR)
    caller.close()
    another = Caller(free_port, timeout=FOR_EVER_S)
    for _ in range(20):
        assert another.ask(GET).body == PIECE * 20
