"""What stands under the header of every page of a project while it lasts: the guard is silent, something is frozen."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone

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
    told = f"not looked for {duration(beat.age_s)}" if beat.age_s is not None else "never looked"
    sentence = f"The guard has {told}: nothing is rolled back by itself."
    return Notice(sentence=sentence, href=reverse("ramps", args=[project.slug]), icon="warning")


def _frozen(project: Project, freezes: list[Freeze]) -> Notice | None:
    """The widest freeze in words; how many others stand beside it."""
    if not freezes:
        return None
    widest = min(freezes, key=lambda freeze: (freeze.unit_id is not None, freeze.service_id is not None))
    what = "Frozen" if widest.unit_id is None and widest.service_id is None else f"{widest.what} is frozen"
    until = f" until {moment(widest.ends_at)}" if widest.ends_at else ""
    others = f", and {words.count(len(freezes) - 1, 'other')}" if len(freezes) > 1 else ""
    reason = widest.reason if len(widest.reason) <= LONGEST else f"{widest.reason[: LONGEST - 1]}…"
    sentence = f"{what}{until}: {reason} ({widest.made_by}){others}"
    return Notice(sentence=sentence, href=reverse("freezes", args=[project.slug]), icon="pause")


LONGEST = 90
"""Characters of a reason: a notice is one line on a desk and at most two on a phone."""


def moment(at: datetime) -> str:
    """The time alone today, with its day otherwise, in the reader's zone."""
    local = timezone.localtime(at)
    clock = f"{local:%H:%M}"
    return clock if local.date() == timezone.localdate() else f"{local.day} {words.MONTHS[local.month - 1]}, {clock}"
