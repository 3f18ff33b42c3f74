"""Orders of last resort: what is obeyed, what is not, and whom it covers."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from migrator.core.override import (
    LONGEST_LIFETIME,
    OverrideRefused,
    _signer,
    hold,
    public_key,
    sign,
    verify,
)
from migrator.core.routing import Routes, build_table
from migrator.core.stages import Stage
from migrator.core.wire import Override, RoutingTable, SignedOverride, UnitRoute, Version, decode_table, encode

SECRET = "a secret that is long enough"
NOW = 1_800_000_000.0
GOOD = Override(
    id="20270115-080000-abcd1234",
    project="shop",
    units=("GET /users/{id}",),
    author="ada",
    reason="wrong names",
    issued_at=NOW,
    expires_at=NOW + 3_600,
)


def checked(signed: SignedOverride, *, now: float = NOW + 1, project: str = "shop", secret: str = SECRET) -> Override:
    return verify(signed=signed, key=public_key(secret=secret), project=project, now=now)


def signed_as_it_is(document: bytes) -> SignedOverride:
    """With a real signature, whatever it says."""
    signature = msgspec.json.encode(_signer(SECRET).sign(document)).decode().strip('"')
    return SignedOverride(document=document.decode(), signature=signature)


def test_override__signed_by_the_control_plane__is_what_its_author_said() -> None:
    assert checked(sign(override=GOOD, secret=SECRET)) == GOOD


def test_override__after_a_trip_as_json__is_still_real() -> None:
    sent = encode(sign(override=replace(GOOD, reason="Überraschung ✓"), secret=SECRET))
    assert checked(msgspec.json.decode(sent, type=SignedOverride)).reason == "Überraschung ✓"


@pytest.mark.parametrize("name", ["document", "signature", "secret", "project", "expired", "no key", "bad key"])
def test_override__forged_over_or_of_others__is_refused(name: str) -> None:
    real = sign(override=GOOD, secret=SECRET)
    other = sign(override=replace(GOOD, units=("*",)), secret=SECRET)
    attempts: dict[str, Any] = {
        "document": lambda: checked(replace(real, document=other.document)),
        "signature": lambda: checked(replace(real, signature="AAAA")),
        "secret": lambda: checked(real, secret="another"),
        "project": lambda: checked(real, project="other"),
        "expired": lambda: checked(real, now=NOW + 3_600),
        "no key": lambda: verify(signed=real, key="", project="shop", now=NOW),
        "bad key": lambda: verify(signed=real, key="nonsense", project="shop", now=NOW),
    }
    with pytest.raises(OverrideRefused):
        attempts[name]()


@pytest.mark.parametrize(
    "more",
    [
        {"candidate": 10_000},
        {"stage": "cutover"},
        {"units": []},
        {"units": "GET /a"},
        {"id": "../../etc/passwd"},
        {"id": ""},
        {"expires_at": NOW + LONGEST_LIFETIME + 1},
        {"expires_at": NOW - 1},
        {"issued_at": None},
    ],
)
def test_override__that_says_more_or_other_than_one_can__is_refused_although_it_is_signed(more: dict[str, Any]) -> None:
    said = msgspec.to_builtins(GOOD) | more
    with pytest.raises(OverrideRefused):
        checked(signed_as_it_is(msgspec.json.encode(said)))


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"id": 1}', b"[" * 20_000])
def test_override__of_nonsense__is_refused_although_it_is_signed(document: bytes) -> None:
    with pytest.raises(OverrideRefused):
        checked(signed_as_it_is(document))


def test_sign__what_nobody_would_obey__is_refused_at_once() -> None:
    for bad in (replace(GOOD, units=()), replace(GOOD, expires_at=NOW + 10 * LONGEST_LIFETIME)):
        with pytest.raises(OverrideRefused):
            sign(override=bad, secret=SECRET)
    with pytest.raises(OverrideRefused, match="SECRET_KEY"):
        sign(override=GOOD, secret="")


# ---------------------------------------------------------------------------------- who is covered


def unit(
    number: int, key: str, *, service: str = "main", parent: int | None = None, stage: str = "canary"
) -> UnitRoute:
    share = 10_000 if stage == "removed" else 5_000
    return UnitRoute(id=number, key=key, service=service, parent=parent, stage=Stage(stage), candidate=share)


UNITS = (
    unit(1, "GET /users/{id}"),
    unit(2, "GET /users/{id} $.name", parent=1),
    unit(3, "GET /users/{id} $.age", parent=1),
    unit(4, "GET /carts/{id}"),
    unit(5, "GET /old", stage="removed"),
    unit(6, "GET /pay", service="money"),
)


@pytest.fixture
def routes() -> Routes:
    return build_table(RoutingTable(project="shop", version=Version(number=1), units=UNITS))


@pytest.mark.parametrize(
    ("keys", "services", "covered"),
    [
        (["GET /users/{id}"], [], {1, 2, 3}),
        (["GET /users/{id} $.name"], [], {1, 2, 3}),
        (["GET /carts/{id}"], [], {4}),
        (["*"], [], {1, 2, 3, 4, 6}),
        ([], ["main"], {1, 2, 3, 4}),
        (["GET /pay"], ["main"], {1, 2, 3, 4, 6}),
        (["GET /old"], [], set()),
        (["GET /unknown"], ["nobody"], set()),
    ],
)
def test_hold__of_keys_and_services__covers_families_and_never_what_is_removed(
    routes: Routes, keys: list[str], services: list[str], covered: set[int]
) -> None:
    held = hold(keys=keys, services=services, routes=routes)
    assert held is not None
    assert {each.id for each in UNITS if held.covers(each)} == covered


def test_hold__of_nothing__is_none(routes: Routes) -> None:
    assert hold(keys=(), services=(), routes=routes) is None


def test_hold__before_any_table__knows_keys_as_they_were_named() -> None:
    held = hold(keys=["GET /a"], routes=None)
    assert held is not None
    assert (held.covers_key("GET /a"), held.covers_key("GET /b")) == (True, False)


def test_key__of_a_table__stays_with_it_through_changes() -> None:
    whole = RoutingTable(project="shop", version=Version(number=1), override_key="k")
    changes = RoutingTable(project="shop", version=Version(number=2), since=Version(number=1), override_key="k")
    before = build_table(decode_table(encode(whole)))
    assert (before.override_key, build_table(changes, previous=before).override_key) == ("k", "k")
