"""All projects: of each what the reader's role asks for first, the projects that need somebody first."""

from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from dashboards import plan_words, words
from dashboards.attention import Attention, attention, counted, sentence
from dashboards.home_blocks import Block, blocks
from dashboards.seats import Seat, project_page, seats_of
from migrator.core.stages import Stage
from migrator.inventory.queries import stage_counts
from migrator.planning.queries import prospect

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
    return Card(
        seat=seat,
        found=found,
        sentence=sentence(found) if sum(counts.values()) else _("Nothing is tracked yet."),
        counts=counts,
        blocks=blocks(seat=seat, found=found, now=now) if sum(counts.values()) else [],
    )


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
        return _("Nothing needs you.")
    places = sum(1 for card in cards if card.found.needing)
    cases = counted(needing)
    if any(card.found.partial for card in cards):
        cases = _("At least {number}").format(number=cases)
    return ngettext("{cases} needs you in {projects}.", "{cases} need you in {projects}.", len(needing)).format(
        cases=cases,
        projects=ngettext("{count} project", "{count} projects", places).format(count=words.number(places)),
    )


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
