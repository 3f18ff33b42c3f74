"""What the home page says of one project, in the order in which the reader's role asks for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.urls import reverse

from dashboards import plan_words, words
from dashboards.attention import Attention, counted
from dashboards.course import standing
from dashboards.seats import Seat
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
    least = "At least " if "wrong" in found.partial else ""
    answer = "answers" if len(found.wrong) == 1 else "answer"
    return Block(
        kind="wrong",
        title="Wrong now",
        sentence=f"{least}{counted(found.wrong)} {answer} callers wrongly: {found.wrong[0].key}.",
        href=_link("oncall", seat.project),
        tone="act",
    )


def _waits(seat: Seat, found: Attention, now: datetime) -> Block | None:
    parts = [part for part in _parts(seat, found) if part]
    if not parts:
        return Block(kind="waits", title="Waits for you", sentence="Nothing.", href=_link("project", seat.project))
    sentence = f"{', '.join(parts)}."
    return Block(kind="waits", title="Waits for you", sentence=sentence, href=_first_place(seat, found, parts))


def _parts(seat: Seat, found: Attention) -> Sequence[str]:
    groups = MismatchGroup.objects.filter(project=seat.project, leader__isnull=True, status__in=OPEN_STATUSES)
    mine = groups.filter(assignee=seat.actor.user_id).count()
    approvals = open_approvals(project=seat.project)
    asked = approvals.exclude(asked_by=seat.actor.user_id).count() if seat.actor.may(Right.APPROVE) else 0
    stand = ramp_queries.counts(project=seat.project)
    ramps = sum(stand.get(state, 0) for state in ramp_queries.NEEDS_A_PERSON)
    ready = f"{counted(found.ready)} ready for the next step" if found.ready else ""
    differs = f"{counted(found.differs)} to fix or accept" if found.differs else ""
    return (
        ready,
        differs,
        f"{words.count(asked, 'approval')}" if asked else "",
        f"{words.count(ramps, 'ramp')} that {'waits' if ramps == 1 else 'wait'}" if ramps else "",
        f"{words.count(mine, 'mismatch', 'mismatches')} of yours" if mine else "",
    )


def _first_place(seat: Seat, found: Attention, parts: Sequence[str]) -> str:
    """The overview lists what is ready; else the page of the first thing that waits."""
    if found.ready or found.differs:
        return _link("project", seat.project)
    if "ramp" in parts[0]:
        return _link("ramps", seat.project)
    return _link("mismatches", seat.project, "?mine=1") if "mismatch" in parts[0] else _link("project", seat.project)


def _end(seat: Seat, found: Attention, now: datetime) -> Block | None:
    """Today's forecast, or yesterday's while today's is not kept yet; counted later where there is neither."""
    kept = PastForecast.objects.filter(project=seat.project, phase=None, day__gte=now.date() - DAY).first()
    page = _link("burndown", seat.project)
    if kept is None:
        told = "Counted as you look."
        return Block(kind="end", title="When", sentence=told, href=page, lazy=_link("course", seat.project))
    course = standing(chance=kept.chance, left=kept.scope - kept.done, scope=kept.scope)
    return Block(kind="end", title="When", sentence=ending(kept), href=page, tone=TONES.get(course, ""))


TONES: Final = {"at risk": "late", "late": "late"}


def ending(kept: PastForecast) -> str:
    """`On course: 85 % sure by 3 Mar 2027; deadline 31 Mar 2027 (92 %).`"""
    if kept.scope and kept.done >= kept.scope:
        return "Done: all of it moved."
    course = standing(chance=kept.chance, left=kept.scope - kept.done, scope=kept.scope).capitalize()
    if kept.p85 is None:
        return f"{course}: no end in sight." if course else "Too little history for a forecast."
    end = f"85 % sure by {words.day(kept.p85)}"
    if kept.deadline is None or kept.chance is None:
        return f"{end[0].upper()}{end[1:]}; no deadline is set."
    return f"{course}: {end}; deadline {words.day(kept.deadline)} ({plan_words.sure(kept.chance)} sure)."


def _traffic(seat: Seat, found: Attention, now: datetime) -> Block | None:
    seen = traffic_share(project=seat.project, start=now - DAY, end=now, now=now)
    if seen.share is None:
        return None
    sentence = f"The candidate answered {words.rate(seen.share)} of {words.number(seen.received)} requests in a day."
    return Block(
        kind="traffic", title="Traffic", sentence=sentence, href=_link("burndown", seat.project, "?view=traffic")
    )


def _planes(seat: Seat, found: Attention, now: datetime) -> Block | None:
    obeyed = convergence(project=seat.project, now=now)
    if not obeyed.silent:
        return None
    silent = words.count(len(obeyed.silent), "data plane")
    sentence = f"{silent} {'is' if len(obeyed.silent) == 1 else 'are'} silent; {obeyed.live} live."
    return Block(
        kind="planes", title="Data planes", sentence=sentence, href=_link("data-planes", seat.project), tone="late"
    )


def _hand_over(seat: Seat, found: Attention, now: datetime) -> Block | None:
    note = newest_hand_over(project=seat.project)
    if note is None:
        return None
    text = note.text if len(note.text) <= NOTE else f"{note.text[: NOTE - 1]}…"
    sentence = f"{text} ({note.author}, {words.ago(note.at, now=now)})"
    return Block(kind="hand_over", title="Handed over", sentence=sentence, href=_link("oncall", seat.project))


TELLERS: Final[Mapping[str, Callable[[Seat, Attention, datetime], Block | None]]] = {
    "wrong": _wrong,
    "waits": _waits,
    "end": _end,
    "traffic": _traffic,
    "planes": _planes,
    "hand_over": _hand_over,
}
