"""What matches no unit, and what callers see of HTTP."""

import socket
import threading
import time

import pytest

from tests.gateway.conftest import Rig
from tests.wires import Request, Wire, eventually, plain


@pytest.fixture
def passing(rig: Rig) -> Rig:
    """A gateway that knows legacy's address and no unit."""
    rig.publish()
    return rig


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "//double//slashes/",
        "/a/../b/./c",
        "/%2e%2e/%2F%41?x=%20&y=+&&=",
        "/a;b=c?d?e=f#",
        "/ü/日本",
        '/{}|^`"<>\\',
        "/?",
        "*",
        "http://elsewhere.example/x",
    ],
)
def test_path__whatever_it_holds__arrives_byte_for_byte(passing: Rig, target: str) -> None:
    passing.get(target)
    assert passing.legacy.requests[0].target == target.encode()


def test_request_headers__order_case_and_repetition__are_kept(passing: Rig) -> None:
    passing.get(
        "/", "X-b: 2", "x-A:1", "X-B:  3 ", "Cookie: a=1", "Cookie: b=2", "X-Empty:", "X-Latin: ÿ".encode().decode()
    )
    lines = passing.legacy.requests[0].lines
    assert lines[:2] == [b"Host: shop.example", b"X-b: 2"]
    assert lines[2:7] == [b"x-A:1", b"X-B:  3 ", b"Cookie: a=1", b"Cookie: b=2", b"X-Empty:"]


def test_request_headers__hop_by_hop__end_at_the_gateway(passing: Rig) -> None:
    passing.get(
        "/",
        "Connection: keep-alive, X-Private, Authorization, Host",
        "X-Private: 1",
        "Authorization: Bearer x",
        "Keep-Alive: 5",
        "TE: trailers",
        "Proxy-Connection: x",
        "X-Migrator-Mirror: forged",
        "X-Migrator-Shadow: 1",
    )
    request = passing.legacy.requests[0]
    names = {line.split(b":")[0].lower() for line in request.lines}
    assert names == {b"host", b"authorization", b"x-forwarded-for"}


def test_forwarded_for__given_by_the_caller__is_continued(passing: Rig) -> None:
    passing.get("/", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 10.0.0.2")
    assert passing.legacy.requests[0].values(b"x-forwarded-for") == [b"10.0.0.1, 10.0.0.2, 127.0.0.1"]


def test_answer_headers__order_case_and_repetition__are_kept(passing: Rig) -> None:
    passing.legacy.respond = lambda request: (
        b"HTTP/1.1 207 Strange Reason\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nX-B:  3\r\nContent-Length: 2\r\n"
        b"Keep-Alive: timeout=5\r\nConnection: X-Gone\r\nX-Gone: 1\r\nX-Migrator-Served-By: me\r\n\r\nok"
    )
    answer = passing.get("/")
    assert answer.head == (
        b"HTTP/1.1 207 Strange Reason\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nX-B:  3\r\nContent-Length: 2\r\n"
        b"X-Migrator-Served-By: me"
    )


@pytest.mark.parametrize("method", ["FOO", "PROPFIND", "M-SEARCH", "TRACE", "get", "A" * 40])
def test_method__whatever_it_is__reaches_legacy(passing: Rig, method: str) -> None:
    assert passing.get("/x", method=method).status == 200
    assert passing.legacy.requests[0].method == method.encode()


def test_head__whose_answer_names_a_length__ends_after_its_head(passing: Rig) -> None:
    passing.legacy.respond = lambda request: plain(b"" if request.method == b"HEAD" else b"hello").replace(
        b"Content-Length: 0", b"Content-Length: 5"
    )
    caller = passing.call()
    for _ in range(2):
        assert caller.get("/", method="HEAD").values(b"content-length") == [b"5"]
        assert caller.get("/").body == b"hello"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answer_without_body__even_if_it_names_a_length__ends_after_its_head(passing: Rig, status: bytes) -> None:
    passing.legacy.respond = lambda request: b"HTTP/1.1 " + status + b"\r\nETag: x\r\n\r\n"
    caller = passing.call()
    assert [caller.get("/").status for _ in range(3)] == [int(status[:3])] * 3


def test_redirect__from_legacy__is_passed_on(passing: Rig) -> None:
    passing.legacy.respond = lambda request: plain(b"", b"Location: http://elsewhere/", status=b"302 Found")
    answer = passing.get("/")
    assert (answer.status, answer.values(b"location")) == (302, [b"http://elsewhere/"])


def test_answer_in_chunks__with_extensions_and_trailers__arrives_whole(passing: Rig) -> None:
    passing.legacy.respond = lambda request: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"3;a=b\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"
    )
    caller = passing.call()
    assert caller.get("/").body == caller.get("/").body == b"abc0123456789"
    assert passing.legacy.connections == 1


def test_answer_that_ends_with_its_connection__for_http_1_1__comes_in_chunks(passing: Rig) -> None:
    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.0 200 OK\r\n\r\nhalf")
        wire.send(b" and half")

    passing.legacy.serve = serve
    caller = passing.call()
    assert caller.get("/").body == caller.get("/").body == b"half and half"


def test_answer_that_ends_with_its_connection__for_http_1_0__does_so_too(passing: Rig) -> None:
    passing.legacy.respond = lambda request: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    )
    caller = passing.call()
    answer = caller.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert (answer.body, answer.values(b"transfer-encoding"), caller.closed) == (b"ok", [], True)


def test_keep_alive__of_http_1_0__is_kept_where_asked_for(passing: Rig) -> None:
    caller = passing.call()
    for _ in range(2):
        answer = caller.ask(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
        assert answer.values(b"connection") == [b"keep-alive"]


def test_connection_close__asked_for__is_obeyed(passing: Rig) -> None:
    caller = passing.call()
    assert caller.get("/", "Connection: close").values(b"connection") == [b"close"]
    assert caller.closed


def test_requests_sent_ahead__are_answered_in_order(passing: Rig) -> None:
    passing.legacy.respond = lambda request: plain(request.target + b":" + request.body)
    caller = passing.call()
    one = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    two = b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
    three = b"POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n"
    caller.send((one + two + three) * 20)
    bodies = [caller.answer().body for _ in range(60)]
    assert bodies == [b"/1:abc", b"/2:", b"/3:xy"] * 20


def test_request_sent_byte_by_byte__is_understood(passing: Rig) -> None:
    passing.legacy.respond = lambda request: plain(request.body)
    caller = passing.call()
    for byte in b"\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n":
        caller.send(bytes([byte]))
    assert caller.answer().body == b"abc"


def test_binary_body__both_ways__is_unharmed(passing: Rig) -> None:
    body = bytes(range(256)) * 5_000
    passing.legacy.respond = lambda request: plain(request.body, kind=b"application/octet-stream")
    assert passing.get("/", method="PUT", body=body).body == body


def test_expect_continue__is_for_legacy_to_grant(passing: Rig) -> None:
    caller = passing.call()
    caller.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert caller.answer().status == 100
    caller.send(b"abc")
    assert caller.answer().status == 200
    assert passing.legacy.requests[0].body == b"abc"


def test_expect_continue__refused_by_legacy__needs_no_body(passing: Rig) -> None:
    def serve(wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        wire.send(plain(b"no", status=b"413 Too Large"))

    passing.legacy.serve = serve
    caller = passing.call()
    caller.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3000000\r\n\r\n")
    answer = caller.answer()
    assert (answer.status, answer.body, answer.values(b"connection"), caller.closed) == (413, b"no", [b"close"], True)


def test_early_hints__are_passed_on(passing: Rig) -> None:
    def respond(request: Request) -> bytes:
        return b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plain(b"ok")

    passing.legacy.respond = respond
    caller = passing.call()
    early = caller.get("/")
    assert (early.status, early.values(b"link"), caller.answer().body) == (103, [b"</a>"], b"ok")


def test_websocket__is_tunnelled_both_ways(passing: Rig) -> None:
    def serve(wire: Wire) -> None:
        request = wire.request()
        assert request.values(b"upgrade") == [b"websocket"]
        assert request.values(b"connection") == [b"Upgrade"]
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello")
        while data := wire.buffer or wire.more():
            wire.buffer = b""
            wire.send(data.upper())

    passing.legacy.serve = serve
    caller = passing.call()
    answer = caller.get("/ws", "Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x")
    assert (answer.status, answer.values(b"upgrade")) == (101, [b"websocket"])
    assert caller.exactly(5) == b"hello"
    for word in (b"one", b"\x00\xff" * 50_000):
        caller.send(word)
        assert caller.exactly(len(word)) == word.upper()
    caller.socket.shutdown(socket.SHUT_WR)
    assert caller.rest() == b""


def test_offer_of_http_2__is_left_out(passing: Rig) -> None:
    answer = passing.get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    assert answer.status == 200
    assert {line.split(b":")[0] for line in passing.legacy.requests[0].lines} == {b"Host", b"X-Forwarded-For"}


def test_connect__granted_by_legacy__becomes_a_tunnel(passing: Rig) -> None:
    def serve(wire: Wire) -> None:
        assert wire.request().line == b"CONNECT db:5432 HTTP/1.1"
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
        wire.send(wire.exactly(4)[::-1])

    passing.legacy.serve = serve
    caller = passing.call()
    caller.send(b"CONNECT db:5432 HTTP/1.1\r\nHost: db\r\n\r\n")
    assert caller.until(b"\r\n\r\n") == b"HTTP/1.1 200 OK"
    caller.send(b"ping")
    assert caller.exactly(4) == b"gnip"


def test_caller_that_sends_no_more__still_gets_its_answer(passing: Rig) -> None:
    go = threading.Event()
    passing.legacy.respond = lambda request: plain(b"late") if go.wait(5) else b""
    caller = passing.call()
    caller.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    caller.socket.shutdown(socket.SHUT_WR)
    go.set()
    assert caller.answer().body == b"late"


def test_legacy__that_refuses__is_a_502_in_words(passing: Rig) -> None:
    passing.legacy.refuse()
    answer = passing.get("/")
    assert answer.status == 502
    assert b"legacy service gave no answer: no connection" in answer.body


def test_legacy__that_hangs__is_a_504_after_its_timeout(rig: Rig) -> None:
    rig.publish(legacy_timeout_ms=200)
    rig.legacy.serve = lambda wire: wire.rest() and None
    assert rig.get("/").status == 504


@pytest.mark.parametrize(
    "garbage",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nBroken Header: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"",
    ],
)
def test_legacy__that_sends_garbage__is_a_502(passing: Rig, garbage: bytes) -> None:
    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(garbage)

    passing.legacy.serve = serve
    assert passing.get("/").status == 502


@pytest.mark.parametrize("head", [b"Content-Length: 10\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"])
def test_legacy__that_ends_early__is_seen_by_the_caller(passing: Rig, head: bytes) -> None:
    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\n" + head)

    passing.legacy.serve = serve
    caller = passing.call()
    with pytest.raises((EOFError, ConnectionResetError)):
        caller.get("/")


def test_kept_connection__closed_by_legacy__costs_a_read_nothing(passing: Rig) -> None:
    answered = []

    def serve(wire: Wire) -> None:
        while True:
            request = wire.request()
            if len(answered) == 1:
                answered.append(b"closed")
                return
            answered.append(request.target)
            wire.send(plain())

    passing.legacy.serve = serve
    assert passing.get("/1").status == 200
    assert passing.get("/2").status == 200
    assert answered == [b"/1", b"closed", b"/2"]


def test_kept_connection__closed_by_legacy__never_repeats_a_write(passing: Rig) -> None:
    seen = []

    def serve(wire: Wire) -> None:
        seen.append(wire.request().method)
        wire.send(plain())
        seen.append(wire.request().method)

    passing.legacy.serve = serve
    assert passing.get("/1").status == 200
    assert passing.get("/2", method="POST", body=b"x").status == 502
    assert seen == [b"GET", b"POST"]


def test_observed__what_matches_no_unit__is_reported_by_template(passing: Rig) -> None:
    for number in range(3):
        passing.get(f"/users/{number}?q=secret")
    passing.get("/", method="POST", body=b"x")
    reports = eventually(lambda: sum(r["passed"] for r in passing.plane.reports[-1:]) == 4 and passing.plane.reports)
    observed = {(row["method"], row["template"]): row["count"] for report in reports for row in report["observed"]}
    assert observed[("GET", "/users/{id}")] == 3
    assert observed[("POST", "/")] == 1


def test_requests_sent_ahead__by_a_caller_that_then_sends_no_more__are_all_answered(passing: Rig) -> None:
    caller = passing.call()
    caller.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /half")
    caller.socket.shutdown(socket.SHUT_WR)
    assert caller.rest().count(b"HTTP/1.1 200 OK") == 2


def test_requests_sent_ahead__by_a_caller_that_reads_no_answer__wait_until_it_does(passing: Rig) -> None:
    """One caller cannot make the gateway hold answers without end."""
    large, ahead = b"x" * 50_000, 400
    passing.legacy.respond = lambda request: plain(large)
    caller = passing.call()
    caller.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * ahead)
    time.sleep(1.0)  # long enough for all of them, were they asked for
    assert 1 <= len(passing.legacy.requests) < ahead
    assert [len(caller.answer().body) for _ in range(ahead)] == [len(large)] * ahead
    assert len(passing.legacy.requests) == ahead


def test_caller_of_http_1_0__that_names_no_host__gets_legacys(passing: Rig) -> None:
    passing.call().ask(b"GET / HTTP/1.0\r\n\r\n")
    assert passing.legacy.requests[0].values(b"host") == [f"127.0.0.1:{passing.legacy.port}".encode()]


def test_answer__that_says_close__ends_the_kept_connection(passing: Rig) -> None:
    passing.legacy.respond = lambda request: plain(b"ok", b"Connection: close")
    caller = passing.call()
    assert [caller.get("/", method=method).body for method in ("GET", "POST", "POST")] == [b"ok"] * 3
    assert passing.legacy.connections == 3


def test_protocol__changed_without_being_asked__is_a_502(passing: Rig) -> None:
    passing.legacy.respond = lambda request: b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
    assert passing.get("/").status == 502


def test_upgrade__declined_by_legacy__is_an_ordinary_answer(passing: Rig) -> None:
    caller = passing.call()
    assert caller.get("/ws", "Connection: Upgrade", "Upgrade: websocket").status == 200
    assert caller.get("/next").status == 200


def test_fault_in_deciding__is_legacys_to_answer_for_reads_and_refused_for_writes(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.publish({"key": "GET /things", "stage": "side_by_side"}, {"key": "POST /things", "stage": "side_by_side"})
    monkeypatch.setattr("migrator.gateway.steering.decide", None)
    assert rig.get("/things").status == 200
    refused = rig.get("/things", method="POST", body=b"{}")
    assert refused.status == 500
    assert b"not passed on" in refused.body
    assert rig.legacy.count(b"POST") == rig.candidate.count(b"POST") == 0
