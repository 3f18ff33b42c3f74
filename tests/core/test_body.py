"""core.body: codings are undone within a bound, JSON is recognised by itself."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.body import Body, Content, parse, parse_exactly, sniff, undo_codings


def raw_deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


CODERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
    ("identity", bytes),
    ("GZIP", gzip.compress),
]


@pytest.mark.parametrize(("coding", "encode"), CODERS)
def test_undo_codings__known_coding__gives_the_body(coding: str, encode: Callable[[bytes], bytes]) -> None:
    data = b'{"a": 1}' * 1_000
    assert undo_codings(encode(data), coding) == Body(data)


def test_undo_codings__several__are_undone_last_first() -> None:
    assert undo_codings(brotli.compress(gzip.compress(b"x")), "gzip, br") == Body(b"x")


def test_undo_codings__gzip_of_several_members__is_whole() -> None:
    assert undo_codings(gzip.compress(b"one") + gzip.compress(b"two"), "gzip") == Body(b"onetwo")


@pytest.mark.parametrize(("coding", "encode"), [pair for pair in CODERS if pair[0] in ("gzip", "deflate", "br")])
def test_undo_codings__bomb__stops_at_the_limit(coding: str, encode: Callable[[bytes], bytes]) -> None:
    body = undo_codings(encode(bytes(50_000_000)), coding, limit=100_000)
    assert len(body.data) == 100_000
    assert body.problem is not None
    assert "more than 100000 bytes" in body.problem


@pytest.mark.parametrize(("coding", "encode"), [pair for pair in CODERS if pair[0] in ("gzip", "br")])
def test_undo_codings__half_a_body__says_that_it_ends_early(coding: str, encode: Callable[[bytes], bytes]) -> None:
    noise = bytes((number * number) % 251 for number in range(20_000))
    whole = encode(noise)
    body = undo_codings(whole[: len(whole) // 2], coding)
    assert body.problem is not None
    assert "ends early" in body.problem


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate"])
def test_undo_codings__declared_and_none__keeps_the_bytes(coding: str) -> None:
    body = undo_codings(b'{"plain": true}', coding)
    assert body.data == b'{"plain": true}'
    assert body.problem is not None


def test_undo_codings__unknown_coding__is_named() -> None:
    assert undo_codings(b"x", "zstd").problem == "content coding 'zstd' is not known"


def test_undo_codings__empty_body__needs_no_decoding() -> None:
    assert undo_codings(b"", "gzip") == Body(b"")


@given(st.binary(max_size=80), st.sampled_from(["gzip", "deflate", "br", "gzip, deflate"]))
def test_undo_codings__arbitrary_bytes__never_raises(data: bytes, coding: str) -> None:
    assert len(undo_codings(data, coding, limit=1_000).data) <= 1_000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"<html>",
        b"[1234567890123456789.5",
        b"[1234567890123456789.5,}",
        b"plain",
        b"{",
        b'{"a":}',
        b"[1,]",
        b"01",
        b"1 2",
        b'"\xff"',
        b"nul",
        b"'a'",
        b"{1:2}",
    ],
)
def test_parse__what_is_no_json__is_none(data: bytes) -> None:
    assert parse(data) is None


def test_parse__claimed_charset__is_tried_where_utf8_fails() -> None:
    data = '{"a":"é"}'.encode("latin-1")
    assert parse(data) is None
    document = parse(data, "latin-1")
    assert document is not None
    assert document.value == {"a": "é"}
    assert parse(data, "no-such-charset") is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_parse__fast_and_exact_reader__agree(value: Any) -> None:
    data = json.dumps(value).encode()
    fast, slow = parse(data), parse_exactly(data)
    assert fast is not None
    assert slow is not None
    assert repr(fast.value) == repr(slow.value)


def test_parse_exactly__keys_named_twice__are_listed_by_place() -> None:
    document = parse_exactly(b'{"a":[{"b":1,"b":2}],"a":[0]}')
    assert document is not None
    assert document.value == {"a": [0]}
    assert document.duplicates == (("a", 0, "b"), ("a",))


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (b"", Content.EMPTY),
        (b"  <!DOCTYPE html><p>", Content.HTML),
        (b"<?xml version='1.0'?><a/>", Content.XML),
        (b"hello", Content.TEXT),
        ("é".encode() * 400, Content.TEXT),
        (b"\x89PNG\r\n\x1a\n\x00", Content.BINARY),
        (b"abc\x00", Content.BINARY),
    ],
)
def test_sniff__first_bytes__tell_the_content(data: bytes, content: Content) -> None:
    assert sniff(data) is content
