"""What the demo's people demand of evidence: stricter where money is, and once more than anybody can meet."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from demo.history import DAYS
from demo.running import FRONT_PAGE, SEARCH
from demo.scene import MARK, Arranged, Scene, simulated
from demo.scope import PILOT
from migrator.gates import waivers
from migrator.gates.layers import LayerKind
from migrator.gates.services import Target, set_layer
from migrator.inventory.models import Unit
from migrator.inventory.services import change_unit

MONEY: Final = "money"
FRONT: Final = "front page"
OF_MONEY: Final = ("invoices", "vouchers", "refunds", "subscriptions")
LATE: Final = 62
"""The day after which refunds were known."""
LAYERS: Final[tuple[tuple[int, Target, Mapping[str, Any], str], ...]] = (
    (
        DAYS - 2,
        Target(kind=LayerKind.RISK, of=MONEY),
        {"mismatch_limit": 0.0025, "critical_paths": ["$.total", "$.price"], "automatic": "act"},
        "a wrong price is worse than a slow one",
    ),
    (
        20,
        Target(kind=LayerKind.OPERATION, of="write"),
        {"cool_down_s": 28_800},
        "a write that went wrong is looked at first",
    ),
    (6, Target(kind=LayerKind.RISK, of=FRONT), {"automatic": "act", "cool_down_s": 1_800}, "at night nobody looks"),
    # The project names no header that tells kinds of caller: pages show that nothing can pass this.
    (3, Target(kind=LayerKind.SERVICE, of=PILOT), {"callers": ["ios", "android"]}, "both apps must have been seen"),
)
"""So many days ago, for whom, what, and why."""
OWNER: Final = "Noor Haddad"


def demanded(*, now: datetime) -> Iterator[Arranged]:
    start = now - timedelta(days=DAYS)
    for day in (1, LATE):
        yield Arranged(at=start + timedelta(days=day, hours=3), act=mark_money)
    yield Arranged(at=now - timedelta(days=7), act=mark_front)
    for days, target, settings, reason in LAYERS:
        act = partial(lay, target=target, settings=settings, reason=MARK + reason)
        yield Arranged(at=now - timedelta(days=days), act=act)


def lay(scene: Scene, now: datetime, *, target: Target, settings: Mapping[str, Any], reason: str) -> None:
    set_layer(
        project=scene.project,
        target=target,
        settings=settings,
        seen_version=0,
        actor=simulated(OWNER),
        now=now,
        reason=reason,
    )


def mark_money(scene: Scene, _now: datetime) -> None:
    for unit in Unit.objects.filter(project=scene.project, risk="", service__name="subscriptions"):
        if unit.key.split("/")[1].split(" ")[0] in OF_MONEY:
            change_unit(unit=unit, risk=MONEY)


def mark_front(scene: Scene, _now: datetime) -> None:
    for unit in scene.moved_together([FRONT_PAGE]):
        change_unit(unit=unit, risk=FRONT)


def waive(scene: Scene, now: datetime) -> None:
    """Search is slow in a known way. The signature ends by itself."""
    unit = scene.unit(SEARCH)
    waivers.sign(
        unit=unit,
        gates=["latency ratio"],
        reason=f"{MARK}one search in thirty misses the index; the new one is built on Thursday",
        expires_at=now + timedelta(days=10),
        actor=simulated(OWNER),
        approver="Mara Lindqvist",
        now=now,
        seen_version=unit.version,
    )
