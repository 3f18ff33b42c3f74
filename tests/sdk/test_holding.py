"""A Python service on the lower rungs of the ladder: its own file, signed overrides, and its breaker."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from migrator.core.override import public_key, sign
from migrator.core.stages import Stage
from migrator.core.wire import Override
from migrator.sdk.client import Client
from tests.wires import Plane, eventually

SECRET = "the control plane's secret"
SERVICE = {"name": "main", "legacy_url": "http://127.0.0.1:1", "candidate_url": "http://127.0.0.1:2"}


@pytest.fixture
def make_client() -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def make(plane: Plane, **settings: Any) -> Client:
        clients.append(Client(control_plane=plane.url, token="t", project="shop", name="shop-1", **settings))
        clients[-1].start()
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def shop(*units: dict[str, Any]) -> Plane:
    plane = Plane()
    rows = [{"id": at, "service": "main", **unit} for at, unit in enumerate(units, 1)]
    table = {"project": "shop", "version": {"number": 1}, "services": [SERVICE], "units": rows}
    plane.publish(table | {"override_key": public_key(secret=SECRET)})
    return plane


def cutover(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "stage": "cutover", "candidate": 10_000, **more}


def order(*units: str) -> Any:
    now = time.time()
    override = Override(id="order-1", project="shop", units=units, author="ada", issued_at=now, expires_at=now + 3_600)
    return msgspec.to_builtins(sign(override=override, secret=SECRET))


def who(client: Client, key: str = "load") -> str:
    return client.run(key, legacy=lambda: "legacy", candidate=lambda: "candidate")


def test_file__in_the_state_directory__holds_legacy_until_it_is_gone(
    make_client: Callable[..., Client], tmp_path: Path
) -> None:
    plane = shop(cutover("load"), cutover("save", operation="write"), cutover("gone", stage="removed"))
    client = make_client(plane, state_dir=tmp_path)
    eventually(lambda: who(client) == "candidate")
    (tmp_path / "force_legacy").write_text("*\n")
    eventually(lambda: who(client) == "legacy")
    assert (who(client, "save"), who(client, "gone")) == ("legacy", "candidate")
    eventually(lambda: plane.reports and plane.reports[-1]["forced"] == ["*"])
    (tmp_path / "force_legacy").unlink()
    eventually(lambda: who(client) == "candidate")


def test_file__before_any_table__holds_what_stages_would_give_to_the_candidate(
    make_client: Callable[..., Client], tmp_path: Path
) -> None:
    (tmp_path / "force_legacy").write_text("load\n")
    stages = {"load": Stage.CUTOVER, "other": Stage.CUTOVER}
    client = make_client(Plane(), state_dir=tmp_path, stages=stages)
    assert (who(client), who(client, "other")) == ("legacy", "candidate")


def test_override__from_the_control_plane__is_obeyed_without_a_state_directory(
    make_client: Callable[..., Client],
) -> None:
    plane = shop(cutover("load"))
    client = make_client(plane)
    eventually(lambda: who(client) == "candidate")
    plane.orders = {"overrides": [order("load")]}
    eventually(lambda: who(client) == "legacy")
    eventually(lambda: plane.reports[-1]["overrides"])
    plane.orders = {"adopted": {"order-1": {"number": 1}}}
    eventually(lambda: who(client) == "candidate")


def test_override__copied_by_hand__is_obeyed_at_once_after_a_restart(
    make_client: Callable[..., Client], tmp_path: Path
) -> None:
    plane = shop(cutover("load"))
    client = make_client(plane, state_dir=tmp_path)
    eventually(lambda: who(client) == "candidate")
    eventually((tmp_path / "table.json").exists)
    (tmp_path / "overrides").mkdir()
    (tmp_path / "overrides" / "x.json").write_text(json.dumps(order("load")))
    eventually(lambda: who(client) == "legacy")
    client.close()
    plane.service.refuse()
    assert who(make_client(plane, state_dir=tmp_path)) == "legacy"


def test_candidate__that_keeps_failing_at_a_read__is_not_called_to_answer_it(
    make_client: Callable[..., Client],
) -> None:
    plane = shop(cutover("load"), cutover("save", operation="write"))
    client = make_client(plane)
    eventually(lambda: who(client) == "candidate")
    asked = []

    def fails() -> str:
        asked.append(1)
        raise OSError("no")

    given = {client.run("load", legacy=lambda: "legacy", candidate=fails) for _ in range(20)}
    assert given == {"legacy"}
    assert len(asked) <= 4
    eventually(lambda: plane.outcomes().get("candidate_error") == 20)
    eventually(lambda: plane.reports[-1]["left_out"] == ["load"])
    with pytest.raises(OSError, match="no"):  # whether a write was carried out is for its caller to know
        client.run("save", legacy=lambda: "legacy", candidate=fails)
    eventually(lambda: who(client) == "candidate")
