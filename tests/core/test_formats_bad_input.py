"""core.formats: whatever a body is, the pair has an outcome, in bounded time and memory."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.formats.media import media_type
from migrator.core.formats.reading import Piece, read_one, read_pair
from migrator.core.formats.text import decoded
from migrator.core.walk import canonical
from tests.core.formats import answer, between
from tests.core.hostile import pairs

PEAK_MIB = 400
ADDRESSES_MIB = 2_048
"""Far more than is used: a process that is out of addresses dies of it, whatever it does."""
TYPES = [
    "",
    "application/json",
    "application/x-ndjson",
    "text/event-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/mixed; boundary=x",
    "application/xml",
    "text/html; charset=latin-1",
    "text/plain; charset=utf-16",
    "text/plain; charset=idna",
]
types = st.sampled_from(TYPES)
crumbs = st.sampled_from(
    [
        *b"<a>|</a>|<p|=|'|&amp;|&|<!--|-->|<!DOCTYPE a [|]>|<![CDATA[|<script>| |{|}|[1]|%ff|a=1&|id: 1".split(b"|"),
        *(b"--x\r\n", b"--x--", b"\r\n\r\n", b'Content-Disposition: form-data; name="a"', b"\n\n", b'"', b"data: "),
        *(b'{"a":1}\n', b"[1]\n", b"\x1e", b"\0", b"\xff", b"\xef\xbb\xbf"),
    ]
)
bodies = st.lists(crumbs | st.binary(max_size=4), max_size=12).map(b"".join)


@given(bodies, bodies, types)
def test_compare__any_two_bodies__never_raises_and_is_symmetric(one: bytes, other: bytes, content_type: str) -> None:
    there, back = between(one, other, content_type), between(other, one, content_type)
    assert there.outcome is back.outcome
    assert bool(there.differences) is bool(back.differences)


@given(bodies, types)
def test_read_pair__one_body_twice__is_the_same_document(body: bytes, content_type: str) -> None:
    read = read_pair(Piece(body, media_type(content_type)), Piece(body, media_type(content_type)))
    documents = read.lines or (read.control, read.candidate)
    assert (documents[0] is None) is (documents[1] is None)
    if documents[0] is not None and documents[1] is not None:
        left, right, *_ = canonical(documents[0], documents[1])
        assert left == right


@given(bodies, types)
def test_read_one__any_body__never_raises(body: bytes, content_type: str) -> None:
    read_one(Piece(body, media_type(content_type)))


@given(st.text(max_size=60))
def test_media_type__whatever_is_claimed__never_raises(claim: str) -> None:
    decoded(b"a", media_type(claim))
    decoded(b"a", media_type(f"text/plain; charset={claim}"))


@pytest.fixture(scope="module")
def told() -> list[str]:
    """What a process with little memory says about the hostile pairs: its peak in MiB, then each outcome."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.core.hostile", str(ADDRESSES_MIB)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2_000:]
    return run.stdout.splitlines()


def test_compare__hostile_pairs__each_differ_and_memory_stays_small(told: list[str]) -> None:
    outcomes = [line for line in told[1:-3] if line.startswith("mismatch ")]
    assert len(outcomes) == len(told) - 4 == len([wrong for wrong, *_ in pairs()])
    assert int(told[0]) < PEAK_MIB


def test_compare__bomb_half_a_body_and_gzip_that_is_none__are_partial(told: list[str]) -> None:
    assert told[-3:] == ["mismatch True"] * 3


def test_compare__one_million_elements__are_compared_without_their_structure(told: list[str]) -> None:
    assert any("body:line" in line and line.endswith("a million elements") for line in told)
    assert any("$.a.a[*]" in line and line.endswith("deep XML that fits") for line in told)


def test_compare__equal_bytes_of_any_kind__are_not_read() -> None:
    same = answer(b"<a>" * 10, "application/xml")
    assert between(same.body, same.body, "application/xml").documents is None
