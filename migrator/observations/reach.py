"""What a rule reaches of what is stored: asked before it is saved, and when it comes into force.

The same rules that compare answer here (`Rules.foresee`). Where they need values to know, they are asked about the
samples, as far as those show any.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

import msgspec
from django.db.models import Q, QuerySet, Sum

from migrator.core.proposals import explains, specimen
from migrator.core.rules import Foresight, Rules, compile_rules
from migrator.core.walk import Kind
from migrator.core.wire import RuleKind, RuleSpec, Sample
from migrator.inventory.models import Project, Unit
from migrator.observations.clustering import steps_of
from migrator.observations.folding import place
from migrator.observations.models import RULED_STATUSES, GroupCount, Illustration, MismatchGroup

SAMPLES_ASKED: Final = 5
"""Samples of a group that a rule is tried on."""
GROUPS_ASKED: Final = 200
"""Groups whose samples are looked at. Of more, nothing but place and kind is asked."""
_BY_VALUE: Final = frozenset({RuleKind.NORMALISE, RuleKind.TOLERANCE})
_KINDS: Final = frozenset(map(str, Kind))
_decode = msgspec.json.Decoder(Sample).decode


class Certainty(IntEnum):
    """How sure it is that a rule hides the differences of a group."""

    PERHAPS = 1
    """It depends on values that nobody kept."""
    LIKELY = 2
    """It hides every sample that shows its values."""
    SURE = 3


@dataclass(frozen=True, slots=True)
class Reached:
    """A group that a rule would hide, or perhaps would."""

    group: MismatchGroup
    certainty: Certainty


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenPreview:
    """What a rule would hide of the last days."""

    differences: int
    groups: int
    units: int
    unsure_differences: int
    unsure_groups: int
    days: int
    sentence: str


def would_hide(*, project: Project, specs: Sequence[RuleSpec], now: datetime, days: int = 7) -> HiddenPreview:
    """Hold rules against the stored causes: `would hide 1,204 differences of the last 7 days in 3 groups`.

    What is settled already is left out: it does not differ any more.
    """
    best: dict[int, Reached] = {}
    for spec in specs:
        for each in reached(project=project, spec=spec, now=now):
            if each.group.status not in RULED_STATUSES:
                best[each.group.pk] = max(each, best.get(each.group.pk, each), key=lambda one: one.certainty)
    counts = _counts(list(best), since=now - timedelta(days=days))
    met = [each for pk, each in best.items() if counts.get(pk)]
    sure = [each.group for each in met if each.certainty > Certainty.PERHAPS]
    unsure = [each.group for each in met if each.certainty is Certainty.PERHAPS]
    figures = [sum(counts[group.pk] for group in groups) for groups in (sure, unsure)]
    return HiddenPreview(
        differences=figures[0],
        groups=len(sure),
        units=len({group.unit_id for group in sure}),
        unsure_differences=figures[1],
        unsure_groups=len(unsure),
        days=days,
        sentence=_sentence(figures, (len(sure), len(unsure)), days=days),
    )


def reached(*, project: Project, spec: RuleSpec, now: datetime) -> list[Reached]:
    """The groups in the rule's scope that it would hide."""
    rules = compile_rules([spec], now=now.timestamp())
    scope = in_scope(project=project, spec=spec).order_by()
    known = {
        (shape, kind): foresight
        for shape, kind in scope.values_list("shape", "kind").distinct()
        if (foresight := _foreseen(rules, shape, kind)) is not None
    }
    rows = scope.filter(shape__in={shape for shape, _ in known}).only(*_READ) if known else ()
    hopeful = [(row, known[row.shape, row.kind]) for row in rows if (row.shape, row.kind) in known]
    return list(_settled(spec, hopeful))


_READ: Final = ("unit_id", "shape", "kind", "pattern", "status")


def in_scope(*, project: Project, spec: RuleSpec) -> QuerySet[MismatchGroup]:
    """The groups that lie in a rule's scope, wherever its path leads."""
    scope = Q(project=project)
    if spec.unit is not None:
        bearers = Unit.objects.filter(pk=spec.unit).values_list("parent_id", flat=True)
        scope &= Q(unit_id__in=[spec.unit, *filter(None, bearers)])
    if spec.service is not None:
        scope &= Q(unit__service__name=spec.service)
    return MismatchGroup.objects.filter(scope)


def _foreseen(rules: Rules, shape: str, kind: str) -> Foresight | None:
    readable = kind in _KINDS and (not shape.startswith("$") or shape == "$" or steps_of(shape))
    found = rules.foresee(shape, Kind(kind)) if readable else ()
    return found[0] if found else None


def _settled(spec: RuleSpec, hopeful: Sequence[tuple[MismatchGroup, Foresight]]) -> Iterable[Reached]:
    """What is left once the samples of the uncertain groups were asked."""
    unsure = [row.pk for row, seen in hopeful if not seen.certain][:GROUPS_ASKED]
    said = _asked(spec, unsure) if spec.kind in _BY_VALUE else {}
    for row, seen in hopeful:
        if seen.certain:
            yield Reached(row, Certainty.SURE)
        elif said.get(row.pk) is not False:
            yield Reached(row, Certainty.LIKELY if said.get(row.pk) else Certainty.PERHAPS)


def _asked(spec: RuleSpec, group_ids: Sequence[int]) -> dict[int, bool]:
    """Whether the rule hides the newest samples of each group. Groups whose samples show nothing are left out."""
    rows = Illustration.objects.filter(group_id__in=group_ids).select_related("group", "sample")
    verdicts: dict[int, list[bool]] = {}
    for row in rows.order_by("group_id", "-at"):
        heard = verdicts.setdefault(row.group_id, [])
        if len(heard) < SAMPLES_ASKED:
            where = (row.group.shape, row.group.kind, row.group.pattern)
            findings = _decode(row.sample.payload).findings
            shown = [specimen(each) for each in findings if place(each.shape, each.kind, each.pattern) == where]
            heard.extend(explains(spec, each) for each in shown if not each.redacted)
    return {pk: all(heard) for pk, heard in verdicts.items() if heard}


def _counts(group_ids: Sequence[int], *, since: datetime) -> Mapping[int, int]:
    rows = GroupCount.objects.filter(group_id__in=group_ids, window_start__gte=since)
    return dict(rows.values_list("group_id").annotate(sum=Sum("count")).order_by())


def _sentence(differences: Sequence[int], groups: Sequence[int], *, days: int) -> str:
    span = f"of the last {days} days" if days != 1 else "of the last day"
    if not any(groups):
        return f"Would hide nothing {span}."
    sure = f"Would hide {_many(differences[0], 'difference')} {span} in {_many(groups[0], 'group')}"
    if not groups[1]:
        return f"{sure}."
    perhaps = f"{_many(differences[1], 'difference')} in {_many(groups[1], 'group')}, whose values are not known"
    if not groups[0]:
        return f"Would hide nothing {span} for certain; perhaps {perhaps}."
    return f"{sure}; perhaps also {perhaps}."


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
