"""Noise and proofs: counted with the reports, and noise made into rules that expire.

The rules made here are rules like all others, with a reason, an author and an expiry: there is one definition of
equality. They are kept in force while the noise lasts. One that a person took back is not made again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from django.db import transaction

from migrator.access.rights import console
from migrator.core.noise import HOLDS_SECONDS, Evidence, Noise, noise
from migrator.core.wire import Proof, Report, Side, Tally
from migrator.inventory import versions
from migrator.inventory.models import Unit
from migrator.inventory.services import Invalid
from migrator.observations import ruling
from migrator.observations.folding import DAY, HOUR, MOST, KnownUnit, believable, digest, floor, place
from migrator.observations.models import Rule, Scrutinised, SelfCheck, SettledAs
from migrator.observations.specs import RuleDraft
from migrator.observations.upsert import Target, upsert
from migrator.observations.writing import moment

AUTHOR: Final = "Noise"
HOLDS: Final = timedelta(seconds=HOLDS_SECONDS)
RENEWED_BEFORE: Final = timedelta(hours=6)
"""A rule that would end sooner holds on where its noise was seen since."""
RESPECTED: Final = timedelta(days=30)
"""How long noise that a person took for something else is left alone."""
RULES_AT_ONCE: Final = 50
"""Of one project. Each starts evidence afresh; the rest come with the next run."""
_ASKED: Final = ""

_CHECK = Target(
    table=SelfCheck._meta.db_table,
    key=("unit_id", "side", "place", "window_start"),
    kept=("shape", "kind"),
    added=("count",),
    greatest=("last_at",),
)
_SCRUTINISED = Target(
    table=Scrutinised._meta.db_table, key=("unit_id", "evidence_epoch", "proof", "day"), added=("count",)
)

log = structlog.get_logger()

CheckKey = tuple[int, Side, str, int]
"""Unit, side, digest of the place, hour."""


@dataclass(slots=True)
class _Sum:
    shape: str
    kind: str
    count: int = 0
    last: int = 0


@dataclass(slots=True)
class Findings:
    """What a batch of reports says about noise, and about how mismatches were looked into."""

    checks: dict[CheckKey, _Sum] = field(default_factory=dict)
    proofs: dict[tuple[int, int, Proof, int], int] = field(default_factory=dict)

    def add(self, report: Report, *, project_id: int, units: Mapping[int, KnownUnit], now: float) -> None:
        """Add a report that counts. What cannot be true, or is said of strange units, is left out."""
        for tally in report.tallies:
            unit = units.get(tally.unit)
            mine = unit is not None and unit.project_id == project_id and not tally.replayed
            if unit is not None and mine and believable(tally, unit, now):
                self._add(tally)

    def write(self) -> None:
        """Into the tables, which shards share: the database adds."""
        upsert(
            _CHECK,
            [
                (unit, side, at, moment(hour), sum_.shape, sum_.kind, sum_.count, moment(sum_.last))
                for (unit, side, at, hour), sum_ in self.checks.items()
            ],
        )
        rows = [(unit, epoch, proof, moment(day).date(), n) for (unit, epoch, proof, day), n in self.proofs.items()]
        upsert(_SCRUTINISED, rows)

    def _add(self, tally: Tally) -> None:
        for side, asked in tally.noise_pairs.items():
            self._count(tally, side, "", "", asked)
        for each in tally.noise:
            shape, kind, _ = place(each.shape, each.kind)
            self._count(tally, each.side, shape, kind, min(each.count, tally.noise_pairs.get(each.side, 0)))
        for proof, count in tally.proofs.items():
            key = (tally.unit, tally.evidence_epoch, proof, floor(tally.window, DAY))
            self.proofs[key] = self.proofs.get(key, 0) + min(count, tally.received)

    def _count(self, tally: Tally, side: Side, shape: str, kind: str, count: int) -> None:
        at = digest(shape, kind) if shape else _ASKED
        key = (tally.unit, side, at, floor(tally.window, HOUR))
        found = self.checks.setdefault(key, _Sum(shape, kind))
        found.count += min(count, MOST)
        found.last = max(found.last, tally.window)


def make_rules(*, now: datetime) -> int:
    """Make rules of the noise of the last day, and keep those in force whose noise lasts. Returns how many were made.

    Repeating it is harmless.
    """
    places = noise(_evidence(now))
    units = Unit.objects.tracked().select_related("project", "service").in_bulk([each.unit for each in places])
    by_project: dict[int, list[Noise]] = {}
    for each in places:
        if each.unit in units:
            by_project.setdefault(units[each.unit].project_id, []).append(each)
    return sum(_settle(project_id, found, units, now) for project_id, found in by_project.items())


def proofs_of(*, unit: Unit) -> dict[Proof, int]:
    """How the mismatches of the unit's present evidence were looked into; `lagged` says how often it was behind."""
    rows = Scrutinised.objects.filter(unit=unit, evidence_epoch=unit.evidence_epoch).values_list("proof", "count")
    counts: dict[Proof, int] = {}
    for proof, count in rows:
        counts[Proof(proof)] = counts.get(Proof(proof), 0) + count
    return counts


def _evidence(now: datetime) -> Iterable[Evidence]:
    recent = SelfCheck.objects.filter(window_start__gt=now - HOLDS)
    asked: dict[tuple[int, str], int] = {}
    places: dict[tuple[int, str, str, str], list[float]] = {}
    rows = recent.values_list("unit_id", "side", "place", "shape", "kind", "count", "last_at")
    for unit, side, at, shape, kind, count, last_at in rows.iterator():
        if at == _ASKED:
            asked[unit, side] = asked.get((unit, side), 0) + count
        else:
            known = places.setdefault((unit, side, shape, kind), [0, 0.0])
            known[0] += count
            known[1] = max(known[1], last_at.timestamp())
    for (unit, side, shape, kind), (seen, last) in places.items():
        times = asked.get((unit, side), 0)
        yield Evidence(unit=unit, side=Side(side), shape=shape, kind=kind, count=int(seen), asked=times, last_at=last)


def _settle(project_id: int, found: Iterable[Noise], units: Mapping[int, Unit], now: datetime) -> int:
    """Renew the project's rules of noise and make those that are missing."""
    mine = Rule.objects.filter(project_id=project_id, parameters__noise=True)
    active = {(rule.unit_id, rule.path, rule.kind): rule for rule in mine.active()}
    refused = set(mine.filter(revoked_at__gt=now - RESPECTED).values_list("unit_id", "path", "kind"))
    made = 0
    for each in found:
        key = (each.unit, each.path, str(each.kind))
        until = datetime.fromtimestamp(each.until, tz=UTC)
        if key in active:
            _renew(active[key], until, now)
        elif key not in refused and until > now and made < RULES_AT_ONCE:
            made += _make(units[each.unit], each, until, now)
    return made


def _make(unit: Unit, found: Noise, until: datetime, now: datetime) -> bool:
    try:
        ruling.create_rule(
            project=unit.project,
            draft=RuleDraft(kind=str(found.kind), path=found.path, unit=unit),
            actor=console(name=AUTHOR),
            reason=found.because,
            now=now,
            expires_at=until,
            settled_as=SettledAs.NOISE,
            noise=True,
        )
    except Invalid as refusal:
        log.info("noise.no_rule", unit=unit.key, path=found.path, reason=str(refusal))
        return False
    return True


@transaction.atomic
def _renew(rule: Rule, until: datetime, now: datetime) -> None:
    """Let a rule hold longer. What is compared stays the same, so evidence does too."""
    if until - rule.expires_at < timedelta(minutes=1) or rule.expires_at - now > RENEWED_BEFORE:
        return
    versions.lock(project_id=rule.project_id)
    version = versions.advance(project_id=rule.project_id)
    Rule.objects.active().filter(pk=rule.pk).update(expires_at=until, table_version=version)
