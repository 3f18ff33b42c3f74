"""All projects: which of them needs the reader."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboards import words
from dashboards.attention import Attention, attention, sentence
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


def page(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    cards = []
    for seat in seats_of(request=request):
        found = attention(project=seat.project, now=now)
        counts = stage_counts(project=seat.project)
        cards.append(Card(seat=seat, found=found, sentence=sentence(found), counts=counts))
    cards.sort(key=lambda card: (-len(card.found.wrong), -card.found.count, card.seat.project.slug))
    return render(request, "dashboards/home.html", {"cards": cards, "sentence": told(cards)})


def told(cards: list[Card]) -> str:
    needed = sum(card.found.count for card in cards)
    if not cards:
        return "No project yet."
    if not needed:
        return "Nothing needs you."
    places = sum(1 for card in cards if card.found.count)
    where = "" if len(cards) == 1 else f" in {words.count(places, 'project')}"
    return f"{words.count(needed, 'unit needs', 'units need')} you{where}."
