"""What the guard says without acting: ready for the next step, without evidence, harmful no more. Each once.

These are nobody's emergency, so they are looked for once a minute, in slices where there are many units.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Mod

from migrator.core.gate import Word
from migrator.core.stages import ALL, Stage
from migrator.gates.queries import Judgement
from migrator.inventory.models import Unit
from migrator.observations.models import Standing
from migrator.rollout.guard import harm_key, judged_apart
from migrator.rollout.matters import open_matters
from migrator.rollout.models import Ramp
from migrator.telling.models import Event, Message, Severity
from migrator.telling.services import tell

SLICE: Final = 1_000
"""Units judged in one minute; of more, each is looked at every few minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """How many messages were written."""

    ready: int = 0
    without_evidence: int = 0
    over: int = 0


def announce(*, now: datetime) -> Announced:
    """Say what changed since the last minute. Saying it twice at once costs a second message, nothing else."""
    return Announced(
        ready=_ready(now), without_evidence=_without_evidence(now), over=_evidence_is_back(now) + _harmless(now)
    )


def _ready(now: datetime) -> int:
    """Units that nobody's ramp raises and whose evidence carries the next step."""
    climbing = Ramp.objects.filter(unit=OuterRef("pk"), ended_at__isnull=True)
    seen = Standing.objects.filter(unit=OuterRef("pk"), evidence_epoch=OuterRef("evidence_epoch"))
    climbable = Unit.objects.tracked().filter(stage__in=[Stage.SIDE_BY_SIDE, Stage.CANARY], project__simulated=False)
    units = _slice(climbable.filter(Exists(seen)).exclude(Exists(climbing)), now)
    told = _told(units, ready_key)
    fresh = [unit for unit in units if ready_key(unit) not in told]
    known = judged_apart(fresh, now) if fresh else {}
    ready = [unit for unit in fresh if unit.pk in known and known[unit.pk].verdict.promotes]
    for unit in ready:
        title = f"{unit.key} is ready for {_next_step(unit)}"
        _say(unit, Event.READY, Severity.INFO, ready_key(unit), title, known[unit.pk].verdict.reason, now)
    return len(ready)


def ready_key(unit: Unit) -> str:
    """Once per unit and step: the next flip is another matter."""
    return f"ready:{unit.pk}:{unit.version}"


def _next_step(unit: Unit) -> str:
    if unit.stage == Stage.SIDE_BY_SIDE:
        return "canary"
    return "cutover" if unit.candidate_bp == ALL else "more callers"


def _without_evidence(now: datetime) -> int:
    """Units that serve a share of the callers, and of which nothing has been compared for too long."""
    serving = Unit.objects.serving_candidate().filter(stage=Stage.CANARY, project__simulated=False)
    units = _slice(serving, now)
    known = judged_apart(units, now) if units else {}
    stale = [unit for unit in units if unit.pk in known and is_stale(unit, known[unit.pk], now)]
    told = open_matters(keys=[evidence_key(unit) for unit in stale]) if stale else {}
    fresh = [unit for unit in stale if evidence_key(unit) not in told]
    for unit in fresh:
        title = f"No evidence of {unit.key} any more"
        _say(unit, Event.EVIDENCE, Severity.WARNING, evidence_key(unit), title, _what_is_missing(unit, known), now)
    return len(fresh)


def is_stale(unit: Unit, judgement: Judgement, now: datetime) -> bool:
    """Whether the newest pair, or else the beginning of its share, is older than the policy allows."""
    began = unit.share_since.timestamp() if unit.share_since else 0.0
    newest = max(judgement.evidence.last_at or 0.0, began)
    return newest > 0 and now.timestamp() - newest > judgement.policy.freshness_s


def _what_is_missing(unit: Unit, known: dict[int, Judgement]) -> str:
    share = unit.candidate_bp / 100
    return f"The candidate answers {share:g} % of its callers unwatched. {known[unit.pk].verdict.reason}"


def evidence_key(unit: Unit) -> str:
    return f"evidence:{unit.pk}"


def _evidence_is_back(now: datetime) -> int:
    """Close the matters of units that are compared again, or serve nobody."""
    return _close(
        Event.EVIDENCE,
        evidence_key,
        lambda unit, judged: unit.stage == Stage.CANARY and judged is not None and is_stale(unit, judged, now),
        "{key} lacks evidence no longer",
        "Evidence is back, or the candidate answers nobody here.",
        now,
    )


def _harmless(now: datetime) -> int:
    """Close the matters of units that harm nobody any more."""
    return _close(
        Event.HARM,
        harm_key,
        lambda _, judged: judged is not None and judged.verdict.word is Word.ROLLBACK,
        "No need to roll back {key} any more",
        "The candidate answers nobody here, or harm is proven no longer.",
        now,
    )


def _close(
    event: Event,
    key_of: Callable[[Unit], str],
    lasts: Callable[[Unit, Judgement | None], bool],
    title: str,
    sentence: str,
    now: datetime,
) -> int:
    """Resolve the matters of one kind that do not last. `title` names the unit by `{key}`."""
    matters = [each for each in open_matters(event=event).values() if each.unit and each.key == key_of(each.unit)]
    ids = [each.unit_id for each in matters if each.unit_id]
    serving = list(Unit.objects.serving_candidate().filter(pk__in=ids).select_related("service", "project"))
    known = judged_apart(serving, now) if serving else {}
    still = {unit.pk for unit in serving if lasts(unit, known.get(unit.pk))}
    over = [each.unit for each in matters if each.unit and each.unit_id not in still]
    for unit in over:
        _say(unit, event, Severity.INFO, key_of(unit), title.replace("{key}", unit.key), sentence, now, over=True)
    return len(over)


def _slice(units: QuerySet[Unit], now: datetime) -> list[Unit]:
    """All units, or this minute's part of many: each has its turn."""
    slices = -(-units.count() // SLICE)
    if slices > 1:
        units = units.alias(part=Mod("pk", slices)).filter(part=int(now.timestamp() // 60) % slices)
    return list(units.select_related("service", "project").order_by("pk"))


def _told(units: Sequence[Unit], key_of: Callable[[Unit], str]) -> set[str]:
    projects = {unit.project_id for unit in units}
    keys = [key_of(unit) for unit in units]
    return set(Message.objects.filter(project__in=projects, key__in=keys).values_list("key", flat=True))


def _say(
    unit: Unit,
    event: Event,
    severity: Severity,
    key: str,
    title: str,
    sentence: str,
    now: datetime,
    *,
    over: bool = False,
) -> None:
    path = f"/p/{unit.project.slug}/units/{unit.pk}"
    tell(
        project=unit.project,
        unit=unit,
        event=event,
        severity=severity,
        key=key,
        resolves=over,
        title=title,
        sentence=sentence,
        path=path,
        now=now,
    )
