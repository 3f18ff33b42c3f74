"""What stands under the header of every page of a project while it lasts: the guard is silent, something is frozen."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboards import words
from migrator.core.ramp import duration
from migrator.inventory.models import Project, Unit
from migrator.rollout.freezes import standing
from migrator.rollout.models import Freeze
from migrator.rollout.pulse import pulse


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One line, and the page where something can be done about it. `icon` is a sign of the sprite."""

    sentence: str
    href: str
    icon: str


def notices(*, project: Project, now: datetime) -> list[Notice]:
    """At most two, the graver one first. Two small queries; a third one only while the guard is silent."""
    found = [_silence(project), _frozen(project, standing(project=project, now=now))]
    return [notice for notice in found if notice is not None]


def _silence(project: Project) -> Notice | None:
    """Only where something could need the guard: a project in the backlog is not alarmed."""
    beat = pulse()
    if not beat.is_late or not Unit.objects.serving_candidate().filter(project=project).exists():
        return None
    if beat.age_s is None:
        sentence = _("The guard has never looked: nothing is rolled back by itself.")
    else:
        told = _("The guard has not looked for {span}: nothing is rolled back by itself.")
        sentence = told.format(span=duration(beat.age_s))
    return Notice(sentence=sentence, href=reverse("ramps", args=[project.slug]), icon="warning")


def _frozen(project: Project, freezes: list[Freeze]) -> Notice | None:
    """The widest freeze in words; how many others stand beside it."""
    if not freezes:
        return None
    widest = min(freezes, key=lambda freeze: (freeze.unit_id is not None, freeze.service_id is not None))
    reason = widest.reason if len(widest.reason) <= LONGEST else f"{widest.reason[: LONGEST - 1]}…"
    sentence = f"{_until(widest)}: {reason} ({widest.made_by})"
    if others := len(freezes) - 1:
        told = ngettext("{freeze}, and {count} other", "{freeze}, and {count} others", others)
        sentence = told.format(freeze=sentence, count=words.number(others))
    return Notice(sentence=sentence, href=reverse("freezes", args=[project.slug]), icon="pause")


def _until(freeze: Freeze) -> str:
    """What is frozen, and for how long."""
    is_all = freeze.unit_id is None and freeze.service_id is None
    if freeze.ends_at is None:
        told = _("Frozen") if is_all else _("{what} is frozen")
        return told.format(what=freeze.what)
    told = _("Frozen until {moment}") if is_all else _("{what} is frozen until {moment}")
    return told.format(what=freeze.what, moment=moment(freeze.ends_at))


LONGEST = 90
"""Characters of a reason: a notice is one line on a desk and at most two on a phone."""


def moment(at: datetime) -> str:
    """The time alone today, with its day otherwise, in the reader's zone."""
    local = timezone.localtime(at)
    clock = f"{local:%H:%M}"
    return clock if local.date() == timezone.localdate() else f"{words.day_of_year(local)}, {clock}"
