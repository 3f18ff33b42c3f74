"""What whoever has a link sees without an account: how far it is and when it ends. No unit, no person, no script."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboards import plan_tables, plan_words, words
from dashboards.course import Picture, picture, share_done, standing
from dashboards.vocabulary import spoken
from migrator.inventory.models import Project
from migrator.planning.models import ShareLink
from migrator.planning.queries import prospect
from migrator.planning.sharing import find_share_link

KEPT_S: Final = 60
"""For so long nobody counts anew, whoever asks."""
ROWS: Final = 20
"""Of the table, at most."""
NOT_FOUND: Final = {"X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store"}
HEADERS: Final = {"X-Robots-Tag": "noindex, nofollow", "Cache-Control": f"private, max-age={KEPT_S}"}
COLOURS: Final = {"done": "#2e6b4f", "on course": "#2e6b4f", "at risk": "#8a5300", "late": "#a3302a"}
GLYPH: Final = 6.6
"""Width of one character of the badge's text, in pixels, a little more than they need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """All that a link shows."""

    project: str
    simulated: bool
    sentence: str
    facts: str
    done_meaning: str
    picture: Picture | None
    columns: tuple[str, ...]
    rows: list[tuple[date, tuple[str, ...]]]
    """The numbers behind the picture, newest first."""
    done: float | None
    standing: str


@login_not_required
@require_safe
def page(request: HttpRequest, secret: str) -> HttpResponse:
    link = find_share_link(secret=secret, now=timezone.now())
    return _gone(request) if link is None else _shown(request, link, "share")


@login_not_required
@require_safe
def embed(request: HttpRequest, secret: str) -> HttpResponse:
    """The same in a frame of the sites that the link names, and of no other."""
    link = find_share_link(secret=secret, now=timezone.now())
    if link is None:
        return _gone(request)
    answer = _shown(request, link, "embed")
    if link.embed_origins:
        answer.xframe_options_exempt = True
        answer._csp_replace = {"frame-ancestors": link.embed_origins}  # type: ignore[attr-defined]
    return answer


@login_not_required
@require_safe
def badge(request: HttpRequest, secret: str) -> HttpResponse:
    """`migrated 62 % · on course` as a picture."""
    link = find_share_link(secret=secret, now=timezone.now())
    if link is None:
        return HttpResponse(
            _("This link shows nothing any more."), status=404, content_type="text/plain", headers=NOT_FOUND
        )
    shared = shared_of(project=link.project)
    value = f"{words.rate(shared.done)}" if shared.done is not None else _("no scope")
    value = f"{value} · {spoken(shared.standing)}" if shared.standing else value
    left, right = round(len(_("migrated")) * GLYPH) + 14, round(len(value) * GLYPH) + 14
    context = {
        "value": value,
        "left": left,
        "right": right,
        "width": left + right,
        "middle_left": left / 2,
        "middle_right": left + right / 2,
        "colour": COLOURS.get(shared.standing, "#4a5560"),
    }
    return _told(render(request, "dashboards/badge.svg", context, content_type="image/svg+xml"), HEADERS)


def shared_of(*, project: Project) -> Shared:
    """Counted at most once a minute and process, however many look."""
    key = f"shared:{get_language()}:{project.pk}"
    kept: Shared | None = cache.get(key)
    if kept is None:
        kept = _counted(project)
        cache.set(key, kept, KEPT_S)
    return kept


def _counted(project: Project) -> Shared:
    found = prospect(project=project, now=timezone.now(), days=None)
    burn_up = found.found
    table = plan_tables.by_stage(burn_up)
    return Shared(
        project=project.name,
        simulated=project.simulated,
        sentence=plan_words.verdict(found, legacy=project.legacy_name),
        facts=plan_words.facts(burn_up, found.forecast),
        done_meaning=plan_words.done_meaning(burn_up, legacy=project.legacy_name),
        picture=picture(found),
        columns=(table.first_column, *table.columns),
        rows=table.thinned_to(ROWS),
        done=share_done(burn_up),
        standing=standing(chance=found.chance, left=burn_up.left, scope=burn_up.scope[-1]),
    )


def _shown(request: HttpRequest, link: ShareLink, template: str) -> HttpResponse:
    context = {"shared": shared_of(project=link.project), "deadline": link.project.deadline}
    return _told(render(request, f"dashboards/{template}.html", context), HEADERS)


def _gone(request: HttpRequest) -> HttpResponse:
    return _told(render(request, "dashboards/share_gone.html", status=404), NOT_FOUND)


def _told(answer: HttpResponse, headers: Mapping[str, str]) -> HttpResponse:
    for name, value in headers.items():
        answer.headers[name] = value
    return answer
