"""What the home page says of one project, in the order in which the reader's role asks for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboards import plan_words, words
from dashboards.attention import Attention, at_least, counted
from dashboards.course import standing
from dashboards.seats import Seat
from dashboards.vocabulary import spoken
from migrator.access.rights import Right
from migrator.inventory.models import Project
from migrator.observations.models.groups import OPEN_STATUSES, MismatchGroup
from migrator.observations.queries import traffic_share
from migrator.planning.models import PastForecast
from migrator.rollout import ramp_queries
from migrator.rollout.approvals import open_approvals
from migrator.rollout.queries import convergence
from migrator.rollout.remarks import newest_hand_over

DAY: Final = timedelta(days=1)
NOTE: Final = 200
"""Characters of the hand-over note that are shown."""
ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "viewer": ("end", "traffic", "wrong", "planes"),
    "on-call": ("wrong", "hand_over", "planes", "waits", "traffic", "end"),
    "engineer": ("waits", "wrong", "planes", "traffic", "end"),
    "admin": ("wrong", "waits", "end", "traffic", "planes"),
}
"""What each role sees first. Whoever has a role in one team only is served as an engineer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fact with the page behind it. `lazy` is the address that tells it later, where it takes long to count."""

    kind: str
    title: str
    sentence: str
    href: str
    tone: str = ""
    """`act` where somebody should act, `late` for a warning, else empty."""
    lazy: str = ""


def blocks(*, seat: Seat, found: Attention, now: datetime) -> list[Block]:
    """Only what there is something to say of."""
    wanted = ORDER.get(seat.role, ORDER["engineer"])
    told = (TELLERS[kind](seat, found, now) for kind in wanted)
    return [block for block in told if block is not None]


def _link(name: str, project: Project, query: str = "") -> str:
    return reverse(name, args=[project.slug]) + query


def _wrong(seat: Seat, found: Attention, now: datetime) -> Block | None:
    if not found.wrong:
        return None
    told = ngettext(
        "{cases} answers callers wrongly: {key}.", "{cases} answer callers wrongly: {key}.", len(found.wrong)
    ).format(cases=at_least(found, "wrong", counted(found.wrong)), key=found.wrong[0].key)
    return Block(
        kind="wrong",
        title=_("Wrong now"),
        sentence=f"{told[0].upper()}{told[1:]}",
        href=_link("oncall", seat.project),
        tone="act",
    )


def _waits(seat: Seat, found: Attention, now: datetime) -> Block | None:
    parts = [*_cases(seat, found), *waiting(seat=seat)]
    if not parts:
        return Block(
            kind="waits", title=_("Waits for you"), sentence=_("Nothing."), href=_link("project", seat.project)
        )
    sentence = f"{', '.join(told for _place, told in parts)}."
    return Block(kind="waits", title=_("Waits for you"), sentence=sentence, href=parts[0][0])


def _cases(seat: Seat, found: Attention) -> list[tuple[str, str]]:
    """Units that wait, each kind with its page."""
    overview = _link("project", seat.project)
    ready = _("{cases} ready for the next step").format(cases=counted(found.ready)) if found.ready else ""
    differs = _("{cases} to fix or accept").format(cases=counted(found.differs)) if found.differs else ""
    return [(overview, told) for told in (ready, differs) if told]


def waiting(*, seat: Seat) -> list[tuple[str, str]]:
    """What else waits for the reader, each kind with its page: approvals, ramps, mismatches."""
    groups = MismatchGroup.objects.filter(project=seat.project, leader__isnull=True, status__in=OPEN_STATUSES)
    mine = groups.filter(assignee=seat.actor.user_id).count()
    approvals = open_approvals(project=seat.project)
    asked = approvals.exclude(asked_by=seat.actor.user_id).count() if seat.actor.may(Right.APPROVE) else 0
    stand = ramp_queries.counts(project=seat.project)
    ramps = sum(stand.get(state, 0) for state in ramp_queries.NEEDS_A_PERSON)
    parts = (
        (_link("approvals", seat.project), _some(ngettext("{count} approval", "{count} approvals", asked), asked)),
        (
            _link("ramps", seat.project),
            _some(ngettext("{count} ramp that waits", "{count} ramps that wait", ramps), ramps),
        ),
        (
            _link("mismatches", seat.project, "?mine=1"),
            _some(ngettext("{count} mismatch of yours", "{count} mismatches of yours", mine), mine),
        ),
    )
    return [(page, told) for page, told in parts if told]


def _some(told: str, number: int) -> str:
    """A counted thing; empty where there is none."""
    return told.format(count=words.number(number)) if number else ""


def _end(seat: Seat, found: Attention, now: datetime) -> Block | None:
    """Today's forecast, or yesterday's while today's is not kept yet; counted later where there is neither."""
    kept = PastForecast.objects.filter(project=seat.project, phase=None, day__gte=now.date() - DAY).first()
    page = _link("burndown", seat.project)
    if kept is None:
        told = _("Counted as you look.")
        return Block(kind="end", title=_("When"), sentence=told, href=page, lazy=_link("course", seat.project))
    course = standing(chance=kept.chance, left=kept.scope - kept.done, scope=kept.scope)
    return Block(kind="end", title=_("When"), sentence=ending(kept), href=page, tone=TONES.get(course, ""))


TONES: Final = {"at risk": "late", "late": "late"}


def ending(kept: PastForecast) -> str:
    """`On course: 85 % sure by 3 Mar 2027; deadline 31 Mar 2027 (92 %).`"""
    if kept.scope and kept.done >= kept.scope:
        return _("Done: all of it moved.")
    course = spoken(standing(chance=kept.chance, left=kept.scope - kept.done, scope=kept.scope)).capitalize()
    if kept.p85 is None:
        told = _("{course}: no end in sight.") if course else _("Too little history for a forecast.")
        return told.format(course=course)
    if kept.deadline is None or kept.chance is None:
        return _("85 % sure by {day}; no deadline is set.").format(day=words.day(kept.p85))
    return _("{course}: 85 % sure by {day}; deadline {deadline} ({chance} sure).").format(
        course=course,
        day=words.day(kept.p85),
        deadline=words.day(kept.deadline),
        chance=plan_words.sure(kept.chance),
    )


def _traffic(seat: Seat, found: Attention, now: datetime) -> Block | None:
    seen = traffic_share(project=seat.project, start=now - DAY, end=now, now=now)
    if seen.share is None:
        return None
    sentence = ngettext(
        "The candidate answered {share} of {count} requests in a day.",
        "The candidate answered {share} of {count} requests in a day.",
        seen.received,
    ).format(share=words.rate(seen.share), count=words.number(seen.received))
    return Block(
        kind="traffic", title=_("Traffic"), sentence=sentence, href=_link("burndown", seat.project, "?view=traffic")
    )


def _planes(seat: Seat, found: Attention, now: datetime) -> Block | None:
    obeyed = convergence(project=seat.project, now=now)
    if not obeyed.silent:
        return None
    silent = len(obeyed.silent)
    sentence = ngettext(
        "{count} data plane is silent; {live} live.", "{count} data planes are silent; {live} live.", silent
    ).format(count=words.number(silent), live=obeyed.live)
    return Block(
        kind="planes", title=_("Data planes"), sentence=sentence, href=_link("data-planes", seat.project), tone="late"
    )


def _hand_over(seat: Seat, found: Attention, now: datetime) -> Block | None:
    note = newest_hand_over(project=seat.project)
    if note is None:
        return None
    text = note.text if len(note.text) <= NOTE else f"{note.text[: NOTE - 1]}…"
    sentence = f"{text} ({note.author}, {words.ago(note.at, now=now)})"
    return Block(kind="hand_over", title=_("Handed over"), sentence=sentence, href=_link("oncall", seat.project))


TELLERS: Final[Mapping[str, Callable[[Seat, Attention, datetime], Block | None]]] = {
    "wrong": _wrong,
    "waits": _waits,
    "end": _end,
    "traffic": _traffic,
    "planes": _planes,
    "hand_over": _hand_over,
}
