"""One cause in full: its row, who met it, how often when, examples, what was said, and what would settle it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec
from django.db import connection
from django.db.models import F, Max, Window
from django.db.models.functions import RowNumber

from migrator.core.proposals import propose
from migrator.core.stages import Operation
from migrator.core.tally import CALLERS_KEPT, estimate, smallest
from migrator.core.wire import Finding, RuleSpec, Sample
from migrator.inventory.models import Project
from migrator.observations.company import audience_of
from migrator.observations.folding import place
from migrator.observations.joints import AudienceSum
from migrator.observations.models import Audience, GroupCount, GroupNote, Illustration, KeptSample, MismatchGroup
from migrator.observations.queries.causes import CauseRow, members_of, rows_of
from migrator.observations.reach import HiddenPreview, would_hide

SAMPLES_SHOWN: Final = 20
FINDINGS_ASKED: Final = 40
"""Differences of samples that a proposal must explain."""
PLACES_PROPOSED: Final = 20
SEQUENCE_S: Final = 60
"""Steps of one caller within so many seconds are one sequence."""
_decode = msgspec.json.Decoder(Sample).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFigures:
    """An example of a pair that differed. `payload` is the same as JSON text."""

    id: int
    at: datetime
    sample: Sample
    payload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What somebody said, or did: `change` is empty where nothing changed."""

    at: datetime
    author: str
    change: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A name and the share (0–1) of the pairs of a cause in which it came up."""

    name: str
    share: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The write in which the callers of a cause diverged before they met it."""

    group_id: int
    unit_id: int
    unit_key: str
    path: str
    samples: int
    """Examples of the cause that follow it, of `of`."""
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Rules that would settle a cause, and what they would hide. Their unit is set; id is 0."""

    rules: tuple[RuleSpec, ...]
    certain: bool
    """False where samples are redacted too much to know."""
    sentence: str
    preview: HiddenPreview


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Everything that is known of one cause."""

    row: CauseRow
    callers: int
    """Distinct callers who met it; an estimate from CALLERS_KEPT on. 0 where requests name none."""
    caller_shares: tuple[Share, ...]
    legacy_builds: tuple[Share, ...]
    candidate_builds: tuple[Share, ...]
    hours: tuple[tuple[datetime, int], ...]
    """Pairs by the hour, where there were any."""
    samples: tuple[SampleFigures, ...]
    notes: tuple[Note, ...]
    origin: Origin | None


def cause(*, group: MismatchGroup, samples: int = SAMPLES_SHOWN) -> Cause:
    """One cause by any of its groups."""
    members = members_of(group)
    ids = [member.pk for member in members]
    audience = _audience(ids)
    return Cause(
        row=rows_of(members[:1])[0],
        callers=estimate(smallest(audience.subjects, CALLERS_KEPT), CALLERS_KEPT),
        caller_shares=_shares(audience.callers),
        legacy_builds=_shares(audience.legacy_builds),
        candidate_builds=_shares(audience.candidate_builds),
        hours=_hours(ids),
        samples=examples({0: ids}, samples)[0],
        notes=tuple(
            Note(at=note.at, author=note.author, change=note.change, text=note.text)
            for note in GroupNote.objects.filter(group_id__in=ids).order_by("at", "pk")
        ),
        origin=origins(group_ids=ids[:1]).get(ids[0]),
    )


def examples(causes: Mapping[int, Sequence[int]], limit: int) -> dict[int, tuple[SampleFigures, ...]]:
    """The newest samples of each cause, each once, by one query. `causes` names the groups that each is made of."""
    cause_of = {group: name for name, groups in causes.items() for group in groups}
    newest = Window(RowNumber(), partition_by=F("group_id"), order_by=F("at").desc())
    rows = (
        Illustration.objects.filter(group_id__in=cause_of)
        .annotate(place=newest)
        .filter(place__lte=limit)
        .select_related("sample")
        .order_by("-at", "-sample_id")
    )
    found: dict[int, dict[int, KeptSample]] = {name: {} for name in causes}
    for row in rows:
        kept = found[cause_of[row.group_id]]
        if len(kept) < limit:
            kept[row.sample_id] = row.sample
    return {name: tuple(map(_sample, kept.values())) for name, kept in found.items()}


def _sample(row: KeptSample) -> SampleFigures:
    return SampleFigures(id=row.pk, at=row.at, sample=_decode(row.payload), payload=row.payload)


def suggestions(*, group: MismatchGroup, now: datetime, days: int = 7) -> list[Suggestion]:
    """Rules that would explain the samples of a cause, the narrowest first, each with what it would hide."""
    members = members_of(group)
    places = {(member.shape, member.kind, member.pattern) for member in members}
    found = examples({0: [member.pk for member in members]}, SAMPLES_SHOWN)[0]
    findings = [each for kept in found for each in kept.sample.findings if _place(each) in places][:FINDINGS_ASKED]
    made = []
    for proposal in propose(findings):
        specs = tuple(replace(spec, unit=group.unit_id) for spec in proposal.rules[:PLACES_PROPOSED])
        preview = would_hide(project=group.project, specs=specs, now=now, days=days)
        made.append(Suggestion(rules=specs, certain=proposal.certain, sentence=proposal.sentence, preview=preview))
    return made


def origins(*, group_ids: Sequence[int]) -> dict[int, Origin]:
    """Causes whose callers diverged in a write shortly before, each with the first such write, by group id.

    A write that differs leaves the two sides with other data: what the same caller reads then differs too.
    Judged by samples: at least half of those with a caller must follow such a write.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _FOLLOWED, {"groups": list(group_ids), "within": f"{SEQUENCE_S} seconds", "write": Operation.WRITE.value}
        )
        rows = cursor.fetchall()
    best: dict[int, tuple[int, int, int]] = {}
    for group, origin, following, of in rows:
        if 2 * following >= of and following > best.get(group, (0, 0, 0))[1]:
            best[group] = (origin, following, of)
    found = MismatchGroup.objects.filter(pk__in=[origin for origin, _, _ in best.values()]).select_related("unit")
    first = {row.pk: row for row in found}
    return {
        group: Origin(
            group_id=origin,
            unit_id=first[origin].unit_id,
            unit_key=first[origin].unit.key,
            path=first[origin].shape,
            samples=following,
            of=of,
        )
        for group, (origin, following, of) in best.items()
        if origin in first
    }


# Bounded: a group keeps twenty samples, and the index finds the earlier ones of each caller.
_FOLLOWED = f"""
    WITH met AS (
        SELECT i.group_id, s.id, s.subject, s.at, s.unit_id, u.project_id
        FROM {Illustration._meta.db_table} i
        JOIN {KeptSample._meta.db_table} s ON s.id = i.sample_id
        JOIN inventory_unit u ON u.id = s.unit_id
        WHERE i.group_id = ANY(%(groups)s) AND s.subject IS NOT NULL
    ), firsts AS (
        SELECT met.group_id, met.id, earlier.group_id AS origin_id FROM met CROSS JOIN LATERAL (
            SELECT oi.group_id FROM {KeptSample._meta.db_table} o
            JOIN {Illustration._meta.db_table} oi ON oi.sample_id = o.id
            JOIN inventory_unit ou ON ou.id = o.unit_id
            WHERE o.subject = met.subject AND o.at < met.at AND o.at >= met.at - %(within)s::interval
              AND o.unit_id <> met.unit_id AND ou.project_id = met.project_id AND ou.operation = %(write)s
            ORDER BY o.at, oi.group_id LIMIT 1
        ) earlier
    ), known AS (SELECT group_id, count(*) AS of FROM met GROUP BY group_id)
    SELECT firsts.group_id, firsts.origin_id, count(*), known.of FROM firsts JOIN known USING (group_id)
    GROUP BY 1, 2, 4 ORDER BY 1, 3 DESC, 2
"""  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True, kw_only=True)
class Kindred:
    """One cause that many units share: the same happened to the same name."""

    name: str
    kind: str
    pattern: str
    units: int
    groups: int
    total: int
    first_seen_at: datetime
    last_seen_at: datetime
    group_ids: tuple[int, ...]
    """Some of the groups."""


def causes_across_units(*, project: Project, least: int = 2, limit: int = 50) -> list[Kindred]:
    """What happens to the same name in several units, such as the format of every `created_at`; most units first."""
    with connection.cursor() as cursor:
        cursor.execute(_KINDRED, {"project": project.pk, "least": least, "limit": limit})
        return [
            Kindred(
                name=name, kind=kind, pattern=pattern, units=units, groups=groups, total=total,
                first_seen_at=first, last_seen_at=last, group_ids=tuple(ids),
            )
            for name, kind, pattern, units, groups, total, first, last, ids in cursor.fetchall()
        ]  # fmt: skip


_KINDRED = f"""
    SELECT substring(shape FROM '[^.\\[\\]*'']+(?=[\\]\\[*'']*$)') AS name, kind, pattern,
        count(DISTINCT unit_id), count(*), sum(total)::bigint, min(first_seen_at), max(last_seen_at),
        (array_agg(id ORDER BY total DESC))[1:20]
    FROM {MismatchGroup._meta.db_table}
    WHERE project_id = %(project)s AND status IN ('new', 'regressed', 'escalating', 'ongoing')
    GROUP BY 1, 2, 3 HAVING count(DISTINCT unit_id) >= %(least)s
    ORDER BY 4 DESC, 6 DESC LIMIT %(limit)s
"""  # noqa: S608 - our own names


def _place(finding: Finding) -> tuple[str, str, str]:
    return place(finding.shape, finding.kind, finding.pattern)


def _audience(group_ids: Sequence[int]) -> AudienceSum:
    """Everybody who met the groups. Of groups that differ together each name is counted once, where it counts most."""
    rows = list(Audience.objects.filter(group_id__in=group_ids))
    by_group: dict[int, AudienceSum] = {}
    for row in rows:
        by_group.setdefault(row.group_id, AudienceSum()).add(audience_of(row))
    whole = AudienceSum()
    for seen in by_group.values():
        whole.subjects |= seen.subjects
        for total, more in (
            (whole.callers, seen.callers),
            (whole.legacy_builds, seen.legacy_builds),
            (whole.candidate_builds, seen.candidate_builds),
        ):
            for name, count in more.items():
                total[name] = max(total.get(name, 0), count)
    return whole


def _shares(counts: dict[str, int]) -> tuple[Share, ...]:
    total = sum(counts.values())
    return tuple(Share(name=name, share=count / total, count=count) for name, count in Counter(counts).most_common())


def _hours(group_ids: Sequence[int]) -> tuple[tuple[datetime, int], ...]:
    """By the hour, of the place that differed most often in it."""
    rows = GroupCount.objects.filter(group_id__in=group_ids).values_list("window_start").order_by("window_start")
    return tuple(rows.annotate(most=Max("count")))
