"""How the demo's people take legacy out: where code still names it, what is torn down, and what came back."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha1
from typing import Final

from demo.scene import MARK, Arranged, Scene, simulated
from migrator.core.stages import Stage
from migrator.inventory.models import Kind, Unit
from migrator.removal.checklist import gear_of
from migrator.removal.models import Repository
from migrator.removal.naming import fingerprint_of
from migrator.removal.services import Findings, Sight, report_scan, save_repository, tick
from migrator.removal.watching import watch

JOB: Final = f"{MARK}nightly scan"
REPOSITORIES: Final = {"monolith": True, "reader-apps": True, "newsroom-tools": False}
"""Name, and whether removal waits for it."""
FORGOTTEN: Final = 3
"""Every so manieth endpoint that is being removed is still named by somebody's code."""
FILES: Final = {"monolith": 4_812, "reader-apps": 2_390, "newsroom-tools": 316}


def removing(*, now: datetime) -> Iterator[Arranged]:
    yield Arranged(at=now - timedelta(days=60), act=register)
    for days in (30, 9, 2):
        yield Arranged(at=now - timedelta(days=days, hours=1), act=partial(scan, returned=False))


def register(scene: Scene, now: datetime) -> None:
    for name, required in REPOSITORIES.items():
        save_repository(
            project=scene.project,
            name=name,
            url=f"https://git.example/morning-post/{name}",
            required=required,
            actor=simulated("Helena Ortiz"),
            now=now,
        )


def tear_down(scene: Scene, now: datetime) -> None:
    """People say of most endpoints in removal that nothing is set up for them any more."""
    units = list(Unit.objects.filter(project=scene.project, stage=Stage.REMOVAL).order_by("key"))
    for number, (unit_id, gear) in enumerate(gear_of(units=units).items()):
        if number % 5 == 4:
            continue
        unit = next(unit for unit in units if unit.pk == unit_id)
        for missing in gear.missing:
            tick(unit=unit, what=missing.item.what, actor=simulated("Jonas Weber"), now=now)


def scan(scene: Scene, now: datetime, *, returned: bool) -> None:
    """What a job in each repository's pipeline found. With `returned`, code names a removed endpoint again."""
    units = list(Unit.objects.tracked().filter(project=scene.project).order_by("key"))
    leaving = [unit for unit in units if unit.stage == Stage.REMOVAL and unit.kind == Kind.ENDPOINT]
    gone = [unit for unit in units if unit.stage == Stage.REMOVED and unit.kind == Kind.ENDPOINT]
    named = {
        "monolith": leaving[::FORGOTTEN],
        "reader-apps": leaving[1 :: 2 * FORGOTTEN],
        "newsroom-tools": leaving[:1],
    }
    if returned and gone:
        named["reader-apps"] = [*named["reader-apps"], gone[0]]
    for repository in Repository.objects.filter(project=scene.project):
        report_scan(
            repository=repository,
            findings=_findings(repository, units, named[repository.name], now),
            actor=simulated(JOB),
            now=now,
        )


def _findings(repository: Repository, units: Sequence[Unit], named: Sequence[Unit], now: datetime) -> Findings:
    sights = [sight for unit in named for sight in _sights(unit, repository.name)]
    return Findings(
        commit=sha1(f"{repository.name}{now:%Y-%j}".encode(), usedforsecurity=False).hexdigest(),
        branch=repository.branch,
        dirty=False,
        files=FILES[repository.name],
        seconds=FILES[repository.name] / 1_400,
        patterns=len(units),
        found=len(sights),
        looked_for=[fingerprint_of(unit) for unit in units],
        references=sights,
    )


def _sights(unit: Unit, repository: str) -> Iterator[Sight]:
    """One line, or two: where it is called and where it is tested."""
    method, path = unit.key.split(" ")[:2]
    resource = path.split("/")[1]
    place = {"monolith": f"app/{resource}/views.py", "reader-apps": f"shared/src/api/{resource}.ts"}
    yield Sight(
        unit=unit.pk,
        path=place.get(repository, f"scripts/{resource}.py"),
        line=20 + unit.pk % 180,
        excerpt=f'{method.lower()}("{path}", timeout=SHORT)',
        alias=path,
    )
    if unit.pk % 2:
        yield Sight(
            unit=unit.pk,
            path=f"tests/test_{resource}.py",
            line=7 + unit.pk % 90,
            excerpt=f'assert call("{method}", "{path}").ok',
            alias=path,
        )


def scan_again(scene: Scene, now: datetime) -> None:
    """Today's scan: code names a removed endpoint again."""
    scan(scene, now, returned=True)


def look(_scene: Scene, now: datetime) -> None:
    """What the nightly watch does: notices which proofs are complete, and what came back."""
    watch(now=now)
