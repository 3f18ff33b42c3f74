"""All projects: of each what the reader's role asks for first, the projects that need somebody first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from dashboards import plan_words, words
from dashboards.attention import Attention, attention, counted, sentence, under_way
from dashboards.home_blocks import Block, blocks, waiting
from dashboards.seats import Seat, project_page, seats_of
from migrator.core.stages import Stage
from migrator.inventory.queries import stage_counts
from migrator.planning.queries import prospect
from migrator.rollout.queries import convergence

KEPT_S = 300
"""For so long a forecast that was counted for the home page is not counted anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One project on the home page."""

    seat: Seat
    found: Attention
    sentence: str
    counts: dict[Stage, int]
    blocks: list[Block]
    waits: list[str]
    """What waits for the reader beside the cases, such as `1 approval`."""

    @property
    def scope(self) -> int:
        return sum(self.counts.values())

    @property
    def weights(self) -> tuple[int, ...]:
        """What the cards are ordered by: the worst first."""
        return len(self.found.wrong), len(self.found.differs), len(self.found.ready)


def page(request: HttpRequest) -> HttpResponse:
    cards = sorted(map(_card, seats_of(request=request)), key=_rank)
    wrong = sum(len(card.found.wrong) for card in cards)
    context: dict[str, Any] = {
        "cards": cards,
        "sentence": told(cards),
        "wrong": wrong,
        "origin": f"{request.scheme}://{request.get_host()}",
    }
    return render(request, "dashboards/home.html", context)


def _card(seat: Seat) -> Card:
    now = timezone.now()
    found = attention(project=seat.project, now=now)
    counts = stage_counts(project=seat.project)
    waits = [told for _page, told in waiting(seat=seat)] if seat.may_flip else []
    return Card(
        seat=seat,
        found=found,
        sentence=_sentence(seat, found, counts, waits, now),
        counts=counts,
        blocks=blocks(seat=seat, found=found, now=now) if sum(counts.values()) else [],
        waits=waits,
    )


def _sentence(seat: Seat, found: Attention, counts: Mapping[Stage, int], waits: Sequence[str], now: datetime) -> str:
    if not sum(counts.values()):
        return _("Nothing is tracked yet.")
    is_calm = not found.needing and under_way(counts)
    is_blind = is_calm and not convergence(project=seat.project, now=now).live
    return sentence(found, is_blind=is_blind, waits=waits)


def _rank(card: Card) -> tuple[Any, ...]:
    return (*(-weight for weight in card.weights), card.seat.project.slug)


def told(cards: list[Card]) -> str:
    """The answer of the one project there is, or where among several somebody is needed."""
    if not cards:
        return _("No project yet.")
    if len(cards) == 1:
        return cards[0].sentence
    needing = [case for card in cards for case in card.found.needing]
    if not needing:
        places = sum(1 for card in cards if card.waits)
        told = _("Something waits for you in {projects}.") if places else _("Nothing needs you.")
        return told.format(projects=_projects(places))
    places = sum(1 for card in cards if card.found.needing)
    cases = counted(needing)
    if any(card.found.partial for card in cards):
        cases = _("At least {number}").format(number=cases)
    return ngettext("{cases} needs you in {projects}.", "{cases} need you in {projects}.", len(needing)).format(
        cases=cases,
        projects=_projects(places),
    )


def _projects(number: int) -> str:
    return ngettext("{count} project", "{count} projects", number).format(count=words.number(number))


@project_page
def course(request: HttpRequest, seat: Seat) -> HttpResponse:
    """When the project ends, in a sentence: what the home page asks for where no forecast of today is kept."""
    key = f"course:{get_language()}:{seat.project.pk}"
    verdict: str | None = cache.get(key)
    if verdict is None:
        verdict = plan_words.verdict(
            prospect(project=seat.project, now=timezone.now()), legacy=seat.project.legacy_name
        )
        cache.set(key, verdict, KEPT_S)
    return HttpResponse(verdict, content_type="text/plain; charset=utf-8")
