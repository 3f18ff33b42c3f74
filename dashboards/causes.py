"""Causes as their pages need them: the sentence on top, who met them, one sample with what its rules hide."""

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboards import words
from migrator.core.proposals import explains, specimen
from migrator.core.rulebook import Rulebook
from migrator.core.rules import NO_RULES, Effect, Rules
from migrator.core.walk import Kind
from migrator.core.wire import Finding, Sample
from migrator.inventory.models import Service, Unit
from migrator.observations.models import OPEN_STATUSES, Audience, GroupStatus
from migrator.observations.queries.causes import CauseRow
from migrator.observations.queries.details import Cause, SampleFigures
from migrator.observations.specs import specs_of

STATUSES: Final = (
    GroupStatus.NEW,
    GroupStatus.REGRESSED,
    GroupStatus.ESCALATING,
    GroupStatus.ONGOING,
    GroupStatus.ARCHIVED,
    GroupStatus.ACCEPTED,
    GroupStatus.HIDDEN,
)
_KINDS: Final = frozenset(map(str, Kind))
_BEARER: Final = re.compile(r"//[^/@]*@")
"""A name and password in an address."""


def list_sentence(counts: dict[str, int], *, news: int) -> str:
    """What the list of a project answers: is there news, and how much is open?"""
    opened = sum(counts.get(status, 0) for status in OPEN_STATUSES)
    if not counts:
        return _("No difference is known.")
    if not opened:
        settled = sum(counts.values())
        told = ngettext(
            "Nothing waits for anybody: {count} cause settled.",
            "Nothing waits for anybody: {count} causes settled.",
            settled,
        )
        return told.format(count=words.number(settled))
    if not news:
        return _("No new cause since yesterday; {opened} open.").format(opened=words.number(opened))
    return ngettext(
        "{count} new cause since yesterday; {opened} open.", "{count} new causes since yesterday; {opened} open.", news
    ).format(count=words.number(news), opened=words.number(opened))


def callers_of(group_ids: Iterable[int]) -> dict[int, str]:
    """Who met each cause most, as `98 % ios`; causes whose callers name themselves nowhere are left out."""
    sums: dict[int, Counter[str]] = {}
    for group, callers in Audience.objects.filter(group_id__in=list(group_ids)).values_list("group_id", "callers"):
        sums.setdefault(group, Counter()).update(callers)
    return {group: _mostly(callers) for group, callers in sums.items() if callers}


def _mostly(callers: Counter[str]) -> str:
    name, count = callers.most_common(1)[0]
    return f"{words.rate(count / callers.total())} {name}"


def cause_sentence(cause: Cause) -> str:
    """`$.price is a number in legacy, a string in the candidate; 98 % from ios.`"""
    if not cause.caller_shares:
        return cause.row.sentence
    most = cause.caller_shares[0]
    return _("{sentence}; {share} from {caller}.").format(
        sentence=cause.row.sentence.removesuffix("."), share=words.rate(most.share), caller=most.name
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDifference:
    """One difference of a sample."""

    number: int
    finding: Finding
    is_of_cause: bool
    hidden_by: int | None
    """The rule that would take it out of the comparison today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSample:
    """One sample of a cause, with its neighbours."""

    figures: SampleFigures
    place: int
    of: int
    older: int | None
    newer: int | None
    differences: tuple[ShownDifference, ...]
    """Those of the cause."""
    others: tuple[ShownDifference, ...]
    """What else differs in the pair, without what rules hide unless that was asked for."""
    hidden: int
    """How many of the others a rule hides."""
    commands: str
    is_missed: bool
    """Another sample was asked for, and it is not kept any more."""


def shown_sample(
    *, cause: Cause, unit: Unit, asked: int | None, with_hidden: bool, now: datetime
) -> ShownSample | None:
    """The sample that the address names, else the newest; None where none is kept."""
    kept = cause.samples
    if not kept:
        return None
    at = next((number for number, each in enumerate(kept) if each.id == asked), 0)
    found = _differences(cause.row, kept[at].sample, _rules(unit, now))
    others = [each for each in found if not each.is_of_cause]
    return ShownSample(
        figures=kept[at],
        place=at + 1,
        of=len(kept),
        older=kept[at + 1].id if at + 1 < len(kept) else None,
        newer=kept[at - 1].id if at else None,
        differences=tuple(each for each in found if each.is_of_cause),
        others=tuple(each for each in others if with_hidden or each.hidden_by is None),
        hidden=sum(each.hidden_by is not None for each in others),
        commands=commands(kept[at].sample, unit.service),
        is_missed=asked is not None and kept[at].id != asked,
    )


def commands(sample: Sample, service: Service) -> str:
    """The request to both sides, as far as it may be shown: values that are redacted stay `…`."""
    return "\n".join(
        f"curl -i -X {shlex.quote(sample.method)} {shlex.quote(_BEARER.sub('//', url).rstrip('/') + sample.path)}"
        for url in (service.legacy_url, service.candidate_url)
    )


def _differences(row: CauseRow, sample: Sample, rules: Rules) -> list[ShownDifference]:
    places = {member.path for member in row.members}
    return [
        ShownDifference(
            number=number,
            finding=finding,
            is_of_cause=finding.shape in places and finding.kind == row.kind,
            hidden_by=_hiding(finding, rules),
        )
        for number, finding in enumerate(sample.findings, 1)
    ]


def _rules(unit: Unit, now: datetime) -> Rules:
    """What is settled today about an endpoint and its fields."""
    specs = specs_of(project=unit.project)
    if not specs:
        return NO_RULES
    fields = Unit.objects.filter(parent=unit).values_list("pk", flat=True)
    return Rulebook(specs).rules(unit=unit.pk, fields=fields, service=unit.service.name, now=now.timestamp())


def _hiding(finding: Finding, rules: Rules) -> int | None:
    if not rules.rules or finding.kind not in _KINDS:
        return None
    specs = {rule.spec.id: rule.spec for rule in rules.rules}
    for seen in rules.foresee(finding.shape, Kind(finding.kind)):
        if seen.certain or (seen.effect is Effect.HIDDEN and explains(specs[seen.rule], specimen(finding))):
            return seen.rule
    return None


def kinds(known: Collection[str]) -> Sequence[str]:
    """Kinds to choose from: those that comparison knows, and the one of answers that failed."""
    return [*map(str, Kind), *sorted(set(known) - _KINDS)]
