"""Signed overrides as data planes get them: with the database, without it, and into the ledger when it is back."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from migrator.core.override import decode_orders, decode_signed, public_key, read
from migrator.core.stages import Stage
from migrator.core.wire import Report, SignedOverride, Version, decode_table, encode
from migrator.inventory.models import Unit
from migrator.rollout import overrides
from migrator.rollout.models import CarriedOut, DataPlane
from migrator.telling.models import Event, Message
from tests.dataplane.conftest import Answer, Caller, move

PATH = "/dataplane/v1/overrides?project=shop"
UNIT = "GET /users/{id}"


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.OVERRIDES_DIR = tmp_path
    return tmp_path


@pytest.fixture
def canary(endpoint: Unit) -> Unit:
    for stage, shares in ((Stage.SHADOW, {}), (Stage.SIDE_BY_SIDE, {}), (Stage.CANARY, {"candidate": 500})):
        move(endpoint, stage, **shares)
    return endpoint


def issued(project: str = "shop") -> tuple[SignedOverride, Path]:
    _, path = overrides.issue(
        project=project, units=[UNIT], services=[], author="ada", reason="wrong", now=datetime.now(UTC)
    )
    return decode_signed(path.read_bytes()), path


def eventually(condition: Callable[[], Any]) -> Any:
    until = time.monotonic() + 15
    while not (found := condition()):
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)
    return found


def test_table__of_a_project__carries_the_key_that_tells_real_overrides(call: Caller, settings: Any) -> None:
    table = decode_table(call("GET", "/dataplane/v1/table?project=shop").body)
    assert table.override_key == public_key(secret=settings.SECRET_KEY)


def test_overrides__that_lie_in_the_directory__are_adopted_and_told_as_such(call: Caller, canary: Unit) -> None:
    signed, path = issued()
    answer = eventually(lambda: adopted(call))
    assert answer.adopted[read(signed).id] == Version(epoch=1, number=CarriedOut.objects.get().version)
    assert not path.exists()
    canary.refresh_from_db()
    assert canary.stage == "side_by_side"


def adopted(call: Caller) -> Any:
    orders = decode_orders(call("GET", PATH).body)
    return orders if orders.adopted else None


def test_overrides__unchanged__are_not_sent_again(call: Caller) -> None:
    first = call("GET", PATH)
    again = call("GET", PATH, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status, again.status, again.body) == (200, 304, b"")


def test_overrides__of_another_project_or_for_a_stranger__are_not_told(call: Caller, server_port: int) -> None:
    assert call("GET", "/dataplane/v1/overrides?project=elsewhere").status == 403
    assert Caller(server_port)("GET", PATH).status == 401
    assert Caller(server_port, "mig_nonsense")("GET", PATH).status == 401


def report(number: int, **said: Any) -> bytes:
    return encode(Report(project="shop", source="gw-1/0", boot="b", seq=number, kind="gateway", sent_at=number, **said))


def post(call: Caller, body: bytes) -> Answer:
    answer = call("POST", "/dataplane/v1/reports", body=body)
    assert answer.status == 202, answer.body
    return answer


def test_override__that_a_data_plane_tells_of__becomes_an_entry_of_the_ledger(call: Caller, canary: Unit) -> None:
    signed, path = issued()
    path.unlink()  # it was copied by hand, and lies on no disk of ours
    for number in (1, 2, 3):
        post(call, report(number, overrides=(signed,)))
    carried = eventually(lambda: CarriedOut.objects.first())
    assert (carried.source, carried.rolled_back) == ("gw-1/0", 1)
    assert eventually(lambda: DataPlane.objects.get().overrides) == [carried.pk]


def test_override__that_a_data_plane_makes_up__is_refused(call: Caller, canary: Unit) -> None:
    other, path = issued(project="elsewhere")
    path.unlink()
    forged = SignedOverride(document=issued_document(), signature="AAAA")
    post(call, report(1, overrides=(other, forged, SignedOverride(document="{", signature=""))))
    eventually(lambda: DataPlane.objects.filter(source="gw-1/0").exists())
    time.sleep(0.1)
    post(call, report(2, overrides=()))
    canary.refresh_from_db()
    assert (canary.stage, CarriedOut.objects.count()) == ("canary", 0)


def issued_document() -> str:
    signed, path = issued()
    path.unlink()
    return signed.document


def test_candidate__that_a_data_plane_leaves_out__is_told_once_and_told_when_it_is_over(
    call: Caller, canary: Unit
) -> None:
    post(call, report(1, left_out=(UNIT,)))
    message = eventually(lambda: Message.objects.filter(event=Event.LEFT_OUT).first())
    assert (message.unit_id, message.resolves, message.severity) == (canary.pk, False, "warning")
    assert "gw-1 " in message.sentence
    assert message.path == f"/p/shop/units/{canary.pk}"
    post(call, report(2, left_out=(UNIT,)))
    second = report(3, left_out=(UNIT,)).replace(b"gw-1/0", b"gw-1/1")
    post(call, second)
    eventually(lambda: DataPlane.objects.filter(left_out=[UNIT]).count() == 2)
    assert Message.objects.filter(event=Event.LEFT_OUT).count() == 1, "two processes of one gateway are one matter"
    post(call, report(4))
    eventually(lambda: DataPlane.objects.filter(left_out=[]).count() == 1)
    assert Message.objects.filter(event=Event.LEFT_OUT).count() == 1, "the other process still leaves it out"
    post(call, report(5).replace(b"gw-1/0", b"gw-1/1"))
    over = eventually(lambda: Message.objects.filter(event=Event.LEFT_OUT, resolves=True).first())
    assert over.key == message.key


def test_tables__that_were_handed_out__are_kept_for_whoever_has_no_database(call: Caller, canary: Unit) -> None:
    call("GET", "/dataplane/v1/table?project=shop")
    (table,) = eventually(lambda: overrides.remembered(project=None))
    assert [unit.key for unit in table.units] == [UNIT]
