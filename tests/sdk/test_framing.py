"""HTTP/1.1 as bytes, held against llhttp."""

from typing import Any

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migrator.sdk.framing import CHUNKED, UNTIL_CLOSE, Body, MalformedError, parse_request, parse_response

HEAD = b"POST /a HTTP/1.1\r\nHost: a\r\n"
PIECES = st.sampled_from(
    [
        *(
            b"Content-Length: 3",
            b"Content-Length: 03",
            b"Content-Length:3 ",
            b"Content-Length: 4,4",
            b"content-length: x",
        ),
        *(b"Transfer-Encoding: chunked", b"transfer-encoding:\tchunked", b"Transfer-Encoding: chunked, chunked"),
        *(b"Transfer-Encoding: identity", b"Transfer-Encoding : chunked", b"X:\x0b1", b" folded", b"\tfolded", b""),
        *(b"X: 1", b"X", b"X\x00: 1", b"Expect: 100-continue", b"Connection: close", b"\xc3\xa9: 1", b"(: 1"),
    ]
)
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])
BODIES = st.sampled_from(
    [
        b"",
        b"abc",
        b"3\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b'3;x="y"\r\nabc\r\n0\r\nT: 1\r\n\r\n',
        b"g\r\n",
        b"3\r\nabcd",
    ]
)


class Oracle:
    """What llhttp makes of the same bytes: bodies of whole messages, or that it refuses."""

    def __init__(self, data: bytes) -> None:
        self.bodies: list[bytes] = []
        self.refused = False
        try:
            httptools.HttpRequestParser(self).feed_data(data)
        except httptools.HttpParserError:
            self.refused = True

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        self.bodies.append(self._body)


def ours(data: bytes) -> tuple[list[bytes], bool]:
    """Bodies of whole messages, and whether the rest is refused."""
    bodies: list[bytes] = []
    try:
        while data and (parsed := parse_request(data)) is not None:
            head, length = parsed
            body = Body(head.framing)
            payload = body.feed(data[length:])
            if not body.done:
                break
            bodies.append(payload)
            data = body.rest if head.framing else data[length:]
    except MalformedError:
        return bodies, True
    return bodies, False


@given(st.lists(st.tuples(PIECES, ENDS), max_size=4), BODIES)
@example([(b"Content-Length: 3", b"\r\n"), (b"Transfer-Encoding: chunked", b"\r\n")], b"0\r\n\r\n")
def test_request__that_llhttp_refuses__is_refused_here(lines: list[tuple[bytes, bytes]], body: bytes) -> None:
    data = HEAD + b"".join(line + end for line, end in lines) + b"\r\n" + body
    oracle = Oracle(data)
    bodies, refused = ours(data)
    if oracle.refused and not refused:
        # Then it must still be waiting for more: it has made nothing of what llhttp refused.
        assert len(bodies) <= len(oracle.bodies)
    if not refused:
        assert bodies == oracle.bodies


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=6), st.data())
def test_chunked_body__cut_anywhere__gives_the_same_bytes(pieces: list[bytes], data: Any) -> None:
    wire = b"".join(b"%X;x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nA: 1\r\nB: 2\r\n\r\nNEXT"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(wire) - 1), max_size=12)))
    body, taken = Body(CHUNKED), b""
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        if body.done:
            break
        taken += body.feed(wire[start:end])
    assert body.done
    assert taken == b"".join(pieces)
    assert body.trailers == b"A: 1\r\nB: 2\r\n"
    assert b"NEXT".startswith(body.rest)


@pytest.mark.parametrize(
    ("head", "method", "framing"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"GET", 5),
        (b"HTTP/1.1 200\r\nContent-Length: 5", b"GET", 5),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5", b"GET", 5),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"HEAD", 0),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5", b"GET", 0),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5", b"GET", 0),
        (b"HTTP/1.1 103 Early\r\nContent-Length: 5", b"GET", 0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", b"GET", CHUNKED),
        (b"HTTP/1.0 200 OK", b"GET", UNTIL_CLOSE),
        (b"HTTP/1.1 200 \xe9t\xe9", b"GET", UNTIL_CLOSE),
    ],
)
def test_answer__of_each_kind__has_its_framing(head: bytes, method: bytes, framing: int) -> None:
    parsed = parse_response(head + b"\r\n\r\n", method=method)
    assert parsed is not None
    assert parsed[0].framing == framing


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip",
        b"HTTP/1.1 2000 OK",
        b"HTTP/2 200 OK",
        b"ICY 200 OK",
        b"HTTP/1.1 200 OK\r\nX : 1",
    ],
)
def test_answer__that_is_ambiguous__is_refused(head: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_response(head + b"\r\n\r\n", method=b"GET")


def test_connection__with_several_options__closes_where_one_says_so() -> None:
    parsed = parse_request(HEAD + b"Connection: keep-alive\r\nConnection: X, Close\r\n\r\n")
    assert parsed is not None
    assert not parsed[0].keep_alive
