"""Differences as data planes report them: folded as any report is, so that pages show what the product would keep."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from django.test import Client
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.wire import CauseCount, Finding, Outcome, PathCount, Report, RuleKind, Sample, Side, Tally, encode
from migrator.inventory.models import Project, Unit
from migrator.observations.clustering import place_new
from migrator.observations.models import MismatchGroup, Rule
from migrator.observations.ruling import create_rule
from migrator.observations.services import fold_batch
from migrator.observations.specs import RuleDraft
from migrator.observations.stream import Entry

PRICE = ("$.price", "type", "number → string")
_seq = count(1)


def differ(
    unit: Unit,
    *places: tuple[str, str, str],
    times: int = 10,
    values: Sequence[tuple[str | None, str | None]] = (),
    caller: str = "ios",
    at: datetime | None = None,
) -> MismatchGroup:
    """So many pairs differ at these places (shape, kind, pattern) together. Returns the group of the first."""
    unit, at = Unit.objects.get(pk=unit.pk), at or timezone.now()
    shown = values or [("string(4) #9f2a01", "string(4) #0b1c2d")] * len(places)
    findings = [
        Finding(
            path=shape.replace("[*]", "[0]"), shape=shape, kind=kind, pattern=pattern, control=left, candidate=right
        )
        for (shape, kind, pattern), (left, right) in zip(places, shown, strict=True)
    ]
    tally = Tally(
        unit=unit.pk, window=int(at.timestamp()) // 10 * 10, evidence_epoch=unit.evidence_epoch,
        outcomes={Outcome.MATCH: 90, Outcome.MISMATCH: times},
        paths=tuple(PathCount(shape=shape, kind=kind, pattern=pattern, count=times) for shape, kind, pattern in places),
        causes=(CauseCount(places=tuple(range(len(places))), count=times, subjects=(1, 2), callers={caller: times}),),
    )  # fmt: skip
    sample = Sample(
        unit=unit.pk, evidence_epoch=unit.evidence_epoch, at=at.timestamp(), outcome=Outcome.MISMATCH,
        served=Side.LEGACY, method="GET", path="/users/…", legacy_status=200, candidate_status=200,
        findings=tuple(findings), caller=caller,
    )  # fmt: skip
    seq = next(_seq)
    report = Report(
        project=unit.project.slug, source="gw-1/0", boot=f"b{seq}", seq=1, kind="gateway", sent=90 + times,
        tallies=(tally,), samples=(sample,),
    )  # fmt: skip
    fold_batch(shard=0, entries=[Entry(f"{seq}-0", encode(report))], now=at)
    place_new()
    return MismatchGroup.objects.get(unit=unit, shape=places[0][0], kind=places[0][1], pattern=places[0][2])


def add_rule(project: Project, unit: Unit | None, path: str) -> Rule:
    draft = RuleDraft(kind=RuleKind.IGNORE, path=path, unit=unit)
    return create_rule(project=project, draft=draft, actor=console(name="setup"), reason="known", now=timezone.now())


def html(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode()).replace("\N{NO-BREAK SPACE}", " ")
