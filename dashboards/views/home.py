"""All projects: which of them needs the reader."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboards import words
from dashboards.attention import Attention, attention, counted, sentence
from dashboards.seats import Seat, seats_of
from migrator.core.stages import Stage
from migrator.inventory.queries import stage_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One project on the home page."""

    seat: Seat
    found: Attention
    sentence: str
    counts: dict[Stage, int]

    @property
    def scope(self) -> int:
        return sum(self.counts.values())

    @property
    def weights(self) -> tuple[int, ...]:
        """What the cards are ordered by: the worst first."""
        return len(self.found.wrong), len(self.found.differs), len(self.found.ready)


def page(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    cards = []
    for seat in seats_of(request=request):
        found = attention(project=seat.project, now=now)
        counts = stage_counts(project=seat.project)
        cards.append(Card(seat=seat, found=found, sentence=sentence(found), counts=counts))
    cards.sort(key=lambda card: (*(-n for n in card.weights), card.seat.project.slug))
    wrong = sum(len(card.found.wrong) for card in cards)
    return render(request, "dashboards/home.html", {"cards": cards, "sentence": told(cards), "wrong": wrong})


def told(cards: list[Card]) -> str:
    """The answer of the one project there is, or where among several somebody is needed."""
    if not cards:
        return "No project yet."
    if len(cards) == 1:
        return cards[0].sentence
    needing = [case for card in cards for case in card.found.needing]
    if not needing:
        return "Nothing needs you."
    least = "At least " if any(card.found.partial for card in cards) else ""
    places = words.count(sum(1 for card in cards if card.found.needing), "project")
    return f"{least}{counted(needing)} {'needs' if len(needing) == 1 else 'need'} you in {places}."
