"""Whose a request was, of which shape, and from what kind of caller."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.requested import caller_kind, request_hash, shape_hash, work_hash
from migrator.core.tally import subject_hash

targets = st.binary(max_size=40)


def test_request_hash__same_request__is_the_same_and_any_other_is_another() -> None:
    def named(method: str = "GET", target: bytes = b"/a?x=1", body: bytes | None = b"") -> int:
        return request_hash(method=method, target=target, body=body)

    others = [named("HEAD"), named(target=b"/a?x=2"), named(target=b"/a"), named(body=b"{}"), named(body=b"[]")]
    assert named() == named()
    assert len({named(), *others}) == 6


@given(targets)
def test_request_hash__never_equals_a_caller_of_that_name(target: bytes) -> None:
    assert request_hash(method="GET", target=target) != subject_hash("GET " + target.decode("latin-1"))


def test_request_hash__with_a_body_that_nobody_kept__stands_for_itself() -> None:
    assert len({request_hash(method="POST", target=b"/a", body=None) for _ in range(50)}) == 50


def test_work_hash__of_a_named_entity_counts_once_and_of_none_each_time() -> None:
    assert work_hash(key="GET /a", entity="7") == work_hash(key="GET /a", entity="7")
    assert work_hash(key="GET /a", entity="7") != work_hash(key="GET /b", entity="7")
    assert len({work_hash(key="GET /a", entity=None) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"target": b"/a/1?x=1&y=2"}, {"target": b"/a/2?y=9&x=8&x=7"}, True),
        ({"target": b"/a?x=1"}, {"target": b"/a"}, False),
        ({"target": b"/a?x=1"}, {"target": b"/a?x=1", "method": "HEAD"}, False),
        ({"target": b"/a?"}, {"target": b"/a"}, True),
        ({"body": b'{"a": 1, "b": [2]}'}, {"body": b'{"b": {"c": 3}, "a": null}'}, True),
        ({"body": b'{"a": 1}'}, {"body": b'{"b": 1}'}, False),
        ({"body": b"x", "media": b"text/plain"}, {"body": b"y", "media": b"Text/Plain; charset=x"}, True),
        ({"body": b"x", "media": b"text/plain"}, {"body": b"x", "media": b"text/html"}, False),
        ({"body": b'{"a": 1' + b" " * 20_000 + b"}"}, {"body": b'{"b": 1' + b" " * 20_000 + b"}"}, True),
        ({"body": b"\xff{"}, {"body": b"[" * 10_000}, True),
    ],
)
def test_shape_hash__depends_on_names_and_never_on_values(
    one: dict[str, bytes], other: dict[str, bytes], same: bool
) -> None:
    shapes = [shape_hash(**{"method": "GET", "target": b"/a", **each}) for each in (one, other)]  # type: ignore[arg-type]
    assert (shapes[0] == shapes[1]) is same


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_shape_hash__whatever_came__is_a_number(target: bytes, body: bytes) -> None:
    assert 0 <= shape_hash(method="GET", target=target, body=body) < 2**64


@pytest.mark.parametrize(
    ("caller", "kind"),
    [
        ("iOS/5.2 (iPhone; 17)", "ios"),
        ("ios", "ios"),
        ("Web App 3", "web"),
        ("Mozilla/5.0 (X11; Linux)", "mozilla"),
        ("batch(7)", "batch"),
        ("", ""),
        ("/", ""),
    ],
)
def test_caller_kind__of_what_callers_call_themselves__is_the_product_alone(caller: str, kind: str) -> None:
    assert caller_kind(caller) == kind
