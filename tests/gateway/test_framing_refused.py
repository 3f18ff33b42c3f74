"""Requests that two readers could read differently are refused, and nothing of them reaches a service."""

import pytest

from tests.gateway.conftest import Rig

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"

REFUSED = {
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "one length twice": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "list of lengths": POST + b"Content-Length: 1, 1\r\n\r\na",
    "signed length": POST + b"Content-Length: +1\r\n\r\na",
    "hexadecimal length": POST + b"Content-Length: 0x1\r\n\r\na",
    "length with underscore": POST + b"Content-Length: 1_0\r\n\r\na",
    "empty length": POST + b"Content-Length:\r\n\r\na",
    "endless length": POST + b"Content-Length: 99999999999999999999\r\n\r\na",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n",
    "header without colon": b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "empty header name": b"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
    "first header indented": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "one bare line feed": b"GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n",
    "bare carriage return": b"GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n",
    "null in value": b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "space in target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}

BROKEN_CHUNKS = {
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "size with sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "size with prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "size with space": b"3 \r\nabc\r\n0\r\n\r\n",
    "endless size": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "size too small": b"2\r\nabc\r\n0\r\n\r\n",
    "bare line feed": b"3\nabc\n0\n\n",
    "line feed in extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "endless extension": b"3;" + b"a" * 5_000,
    "broken trailer": b"3\r\nabc\r\n0\r\nno trailer\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_request__of_any_kind__is_refused_and_the_connection_closed(rig: Rig, name: str) -> None:
    rig.publish()
    caller = rig.call()
    caller.send(REFUSED[name])
    assert caller.answer().status == 400
    assert caller.closed
    assert rig.legacy.connections == 0


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_malformed_chunk__of_any_kind__never_makes_a_whole_request(rig: Rig, name: str) -> None:
    rig.publish()
    caller = rig.call()
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    caller.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + BROKEN_CHUNKS[name] + smuggled)
    assert caller.answer().status == 400
    assert caller.closed
    assert rig.legacy.requests == []


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(300)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"y" * 70_000, 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    ],
)
def test_request__that_is_too_much__is_refused_with_its_status(rig: Rig, data: bytes, status: int) -> None:
    rig.publish()
    caller = rig.call()
    caller.send(data)
    assert caller.answer().status == status
    assert caller.closed


def test_malformed_request__behind_a_good_one__leaves_the_good_one_answered(rig: Rig) -> None:
    rig.publish()
    caller = rig.call()
    caller.send(b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n" + REFUSED["two lengths"])
    assert caller.answer().status == 200
    assert caller.answer().status == 400
    assert caller.closed
    assert [request.target for request in rig.legacy.requests] == [b"/good"]
