"""The main page: one unit, what is known of it, and what the next step would do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext

from dashboards import words
from dashboards.changes import acts
from dashboards.observed import Answered, answered_since
from dashboards.parameters import key
from dashboards.proposals import (
    PRESETS,
    RECENT,
    Proposal,
    Wish,
    neighbour,
    next_planned,
    place,
    propose,
    read_wish,
    stages_in_reach,
)
from dashboards.ramp_panel import panel
from dashboards.seats import Seat, project_page
from dashboards.unit_charts import SPANS, USUAL_SPAN, frame, latency_chart, mismatch_chart
from dashboards.views.door import door_of, holds, open_here
from dashboards.views.standpoint import Subject, subject_of
from dashboards.vocabulary import spoken
from migrator.core.gate import Gate, Word
from migrator.core.stages import ALL, RUNGS, Direction, Scrutiny, Stage
from migrator.inventory.queries import fields_of
from migrator.observations.noise import proofs_of
from migrator.observations.queries import NOTHING_SEEN, groups, standings
from migrator.rollout.irreversible import among
from migrator.rollout.queries import Convergence, Entry, convergence, ledger
from migrator.rollout.remarks import comments_of

HISTORY = 20
FIELDS_SHOWN = 100
GROUPS = 20
SAMPLES = 3
KEYS: Final = (("p", gettext_lazy("To the share that the candidate answers")),)


@project_page
def page(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    now = timezone.now()
    subject = subject_of(seat=seat, unit_id=unit_id, now=now)
    seat = seat.at(subject.unit)
    wish = read_wish(request.GET.dict())
    proposal = propose(at=subject.standpoint, wish=wish)
    entries = ledger(project=seat.project, unit_id=unit_id, limit=HISTORY)
    context = {
        "here": "inventory",
        "seat": seat,
        "unit": subject.unit,
        "subject": subject,
        "evidence": subject.evidence,
        "verdict": subject.verdict,
        "last_pair_at": moment(subject.evidence.last_at),
        "sentence": sentence(subject),
        "more_keys": KEYS if seat.may_flip else (),
        "word": "allowed" if subject.verdict.promotes and subject.slowness else subject.verdict.word,
        "gates": [Demand.of(gate) for gate in subject.verdict.gates],
        "is_judged": subject.unit.position.rung.scrutiny is Scrutiny.BODIES,
        "acts": acts(entries),
        "change": last_change(seat, subject, entries, now),
        "lasting": among(unit_ids=[unit_id]) if proposal.lasts else None,
        "conflict": conflict(key(request.GET, "seen"), proposal, entries, now),
        "reason": request.GET.get("reason", ""),
        **controls(subject, wish, proposal),
        **people(request, seat, subject, proposal, now),
        **charts(request, seat, subject, entries, now),
        "groups": groups(unit=subject.unit, limit=GROUPS, samples=SAMPLES) if subject.is_compared else [],
        "looked_into": words.looked_into(proofs_of(unit=subject.unit)) if subject.is_compared else "",
        "opened": request.GET.get("group", ""),
        **_fields(subject),
    }
    return render(request, "dashboards/unit.html", context)


def moment(at: float | None) -> datetime | None:
    """Seconds since the epoch as a time; None stays None."""
    return None if at is None else datetime.fromtimestamp(at, tz=timezone.get_current_timezone())


# ---------------------------------------------------------------------------------- the answer


def sentence(subject: Subject) -> str:
    """The page's answer: may the next step be taken?"""
    verdict, position = subject.verdict, subject.unit.position
    if subject.unit.gone_at:
        return _("No longer in its specification: it is not routed any more.")
    if position.stage is Stage.BACKLOG:
        return _("Not started: legacy answers, and the candidate is not asked.")
    if position.stage in (Stage.REMOVAL, Stage.REMOVED):
        return _("{stage}: the candidate answers everyone.").format(stage=spoken(position.rung.label))
    if verdict.word is Word.ROLLBACK:
        return _("Roll back: {reason}").format(reason=verdict.reason)
    if position.stage is Stage.SHADOW:
        return _("Shadow: the candidate receives traffic, and only status and latency are looked at.")
    if verdict.promotes:
        return _promoted(subject)
    missing = verdict.pairs_missing if subject.evidence.pairs else None
    more = ""
    if verdict.word is Word.HOLD and not position.candidate:
        more = _("Fix the candidate, or accept the difference.")
    elif missing:
        more = ngettext(
            "About {count} more clean pair is needed.", "About {count} more clean pairs are needed.", missing
        ).format(count=words.number(missing))
    told = _("Hold: {reason}") if verdict.word is Word.HOLD else _("Not enough is known: {reason}")
    return f"{told.format(reason=verdict.reason)} {more}".strip()


def _promoted(subject: Subject) -> str:
    """What a promoting verdict allows: `Safe to raise to 10 %: …`. Nothing is called safe that is far slower."""
    reason, times = subject.verdict.reason, subject.slowness
    if times is None:
        return f"{_step(subject, SAFE)}: {reason}"
    slow = _("But the candidate is {times} times as slow.").format(times=words.number(times))
    return f"{_step(subject, ALLOWED)}: {reason} {slow}"


SAFE: Final = (
    gettext_noop("Safe to raise to {share}"), gettext_noop("Safe to cut over"),
    gettext_noop("Safe to move to canary"), gettext_noop("Safe"),
)  # fmt: skip
ALLOWED: Final = (
    gettext_noop("The gates allow {share}"), gettext_noop("The gates allow the cutover"),
    gettext_noop("The gates allow canary"), gettext_noop("The gates are met"),
)  # fmt: skip
"""The next step in words: to raise the share, to cut over, to begin, and where there is none."""


def _step(subject: Subject, said: tuple[str, str, str, str]) -> str:
    position = subject.unit.position
    raising, over, begin, none = said
    if position.stage is not Stage.CANARY:
        return _(begin if position.stage is Stage.SIDE_BY_SIDE else none)
    goal = next_planned(position.candidate)
    return _(raising).format(share=words.percentage(goal)) if goal else _(over)


PLACES = {"mismatches": "differences", "deploys": "history", "latency": "course", "series": "course"}
"""Where on this page the evidence of a gate stands, by what it is called before the colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One gate with its way to what shows it."""

    gate: Gate
    place: str
    """The id of the panel that shows its evidence; empty for nothing to show."""
    eta: datetime | None
    """When it will be met as things go; None where it is met, or nobody knows."""

    @classmethod
    def of(cls, gate: Gate) -> "Demand":
        place = PLACES.get(gate.evidence.partition(":")[0], "")
        return cls(gate=gate, place=place, eta=None if gate.is_met else moment(gate.eta))


# ------------------------------------------------------------------------------- the next step


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A share that is one press away."""

    share: int
    text: str
    """As the address writes it: `2.5`."""
    is_chosen: bool
    is_next: bool


def controls(subject: Subject, wish: Wish, proposal: Proposal) -> dict[str, Any]:
    """The traffic panel: which stages are in reach, which shares, and what is proposed."""
    position, target = subject.unit.position, proposal.target
    following = next_planned(position.candidate)
    return {
        "proposal": proposal,
        "legacy_bp": ALL - position.candidate,
        "wished": not wish.is_empty,
        "here_stage": position.stage,
        "stages": [RUNGS[stage] for stage in stages_in_reach(position)],
        "shares_candidate": target.rung.candidate[0] != target.rung.candidate[1],
        "shares_mirror": target.rung.mirror[0] != target.rung.mirror[1],
        "presets": [
            Preset(
                share=share,
                text=f"{share / 100:g}",
                is_chosen=share == target.candidate,
                is_next=share == following,
            )
            for share in PRESETS
        ],
        "lower": f"{neighbour(target.candidate, up=False) / 100:g}",
        "higher": f"{neighbour(target.candidate, up=True) / 100:g}",
        "candidate_text": f"{target.candidate / 100:g}",
        "mirror_text": f"{target.mirror / 100:g}",
    }


# ---------------------------------------------------------------------------------- and people


def people(request: HttpRequest, seat: Seat, subject: Subject, proposal: Proposal, now: datetime) -> dict[str, Any]:
    """What stands in the way, who could open, who waits for whom, and what was said."""
    door = door_of(seat=seat, subject=subject, proposal=proposal, user=request.user, now=now)
    return {
        "door": door,
        "glass_opened": "break_glass" in request.GET,
        "holds": () if door.obstacles else holds(seat=seat, subject=subject, now=now),
        "waiting": open_here(seat=seat, subject=subject),
        "may_approve": seat.may_approve,
        "reopened": subject.unit.reopenings.standing().first(),
        "comments": comments_of(unit=subject.unit),
        "ramp_panel": panel(unit=subject.unit, seat=seat, now=now),
    }


# ---------------------------------------------------------------------------- the last change


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The newest flip while it is fresh: is it in effect yet, and can it be undone?"""

    entry: Entry
    convergence: Convergence
    answered: Answered | None
    """Who answered since, as counted; None while nothing of it is known."""
    is_mine: bool
    can_undo: bool

    @property
    def told(self) -> str:
        told = _("You changed {before} to {after}") if self.is_mine else _("{who} changed {before} to {after}")
        before, after = place(self.entry.before).lower(), place(self.entry.after).lower()
        return told.format(who=self.entry.actor, before=before, after=after)


def last_change(seat: Seat, subject: Subject, entries: list[Entry], now: datetime) -> Change | None:
    if not entries or now - entries[0].at > RECENT:
        return None
    entry, before = entries[0], entries[0].before
    back = Wish(stage=before.stage, candidate=before.candidate, mirror=before.mirror, errors={})
    undo = propose(at=subject.standpoint, wish=back)
    return Change(
        entry=entry,
        convergence=convergence(project=seat.project, now=now, version=entry.version),
        answered=answered_since(unit=subject.unit, at=entry.at, now=now) if entry.moves else None,
        is_mine=entry.user_id is not None and entry.user_id == seat.actor.user_id,
        can_undo=seat.may_flip and undo.possible and entry.direction is not Direction.BACK,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Somebody else was quicker: both values, and the reader's choice."""

    who: str
    theirs: str
    ago: str
    mine: str
    """What the reader wanted, and from where: `canary 5 % from canary 2 %`."""


def conflict(seen: int | None, proposal: Proposal, entries: list[Entry], now: datetime) -> Conflict | None:
    """Told after a flip that came back stale; `seen` is the unit's version that the reader's page had."""
    if seen is None or not entries or seen >= entries[0].unit_version:
        return None
    last = entries[0]
    overtaken = next((entry for entry in entries if entry.unit_version == seen + 1), None)
    mine = place(proposal.target).lower()
    if overtaken:
        mine = _("{mine} from {start}").format(mine=mine, start=place(overtaken.before).lower())
    return Conflict(
        who=last.actor,
        theirs=place(last.after).lower(),
        ago=words.ago(last.at, now=now),
        mine=mine,
    )


def charts(request: HttpRequest, seat: Seat, subject: Subject, entries: list[Entry], now: datetime) -> dict[str, Any]:
    """Both charts over the span that the address names. A unit that never ran has none."""
    span = request.GET.get("span", "")
    span = span if span in SPANS else USUAL_SPAN
    chosen = {"span": span, "spans": [(name, _(span[0])) for name, span in SPANS.items()], "charts": []}
    if subject.unit.position.stage is Stage.BACKLOG:
        return chosen
    shown = frame(
        unit=subject.unit, span=span, alpha=subject.policy.alpha, entries=entries, slug=seat.project.slug, now=now
    )
    drawn = [mismatch_chart(shown), latency_chart(shown)]
    return chosen | {"charts": drawn, "charts_have_rows": any(chart.rows for chart in drawn)}


def _fields(subject: Subject) -> dict[str, Any]:
    """The fields under an endpoint with their figures, those that differ most first."""
    unit = subject.unit
    rows = fields_of(parents=[unit.pk], limit=FIELDS_SHOWN + 1).get(unit.pk, []) if unit.kind == "endpoint" else []
    figures = standings(unit_ids=[row.id for row in rows])
    shown = [(row, figures.get(row.id, NOTHING_SEEN)) for row in rows[:FIELDS_SHOWN]]
    shown.sort(key=lambda pair: -(pair[1].mismatch_rate or 0))
    return {"fields": shown, "more_fields": len(rows) > FIELDS_SHOWN}
