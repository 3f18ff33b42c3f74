"""What a rollback would do, said before it is pressed; and what came of it, claimed only as far as it is known."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from migrator.core.stages import Direction
from migrator.inventory.models import Project
from migrator.rollout.irreversible import Lasting, left_by
from migrator.rollout.queries import Convergence, Entry, Preview, convergence, preview
from migrator.rollout.scopes import Scope

REASONS = (
    gettext_lazy("Wrong answers"), gettext_lazy("Errors"), gettext_lazy("Too slow"), gettext_lazy("Just to be safe"),
)  # fmt: skip
"""One tap each: nobody types at night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """The sheet before a rollback: what goes down, and where its button posts."""

    project: Project
    key: str
    """Of the one unit that it is about; empty for a service or everything."""
    unit_id: int | None
    action: str
    preview: Preview
    convergence: Convergence
    lasting: Lasting
    """Writes of the scope that stay done; the sheet is red where there are any."""
    reasons: tuple[Any, ...] = REASONS

    @property
    def along(self) -> int:
        """How many more go down because an answer is served whole."""
        return max(0, self.preview.serving - 1) if self.key else 0

    @property
    def unnamed(self) -> int:
        """Units that go down and are not listed."""
        return self.preview.serving - len(self.preview.units)

    @property
    def reads(self) -> int:
        return self.preview.serving - self.preview.writes


def of_unit(*, project: Project, unit_id: int, key: str, now: datetime) -> WayBack:
    """The way back of one unit with its relatives."""
    action = reverse("rollback-unit", args=[project.slug, unit_id])
    return way_back(project=project, scope=Scope(unit_ids=(unit_id,)), key=key, action=action, now=now, unit_id=unit_id)


def way_back(
    *, project: Project, scope: Scope, key: str, action: str, now: datetime, unit_id: int | None = None
) -> WayBack:
    """The way back of whatever a scope covers."""
    return WayBack(
        project=project,
        key=key,
        unit_id=unit_id,
        action=action,
        preview=preview(project=project, scope=scope),
        convergence=convergence(project=project, now=now),
        lasting=left_by(project=project, scope=scope),
    )


def is_done(last: Entry | None) -> bool:
    """Whether the newest change took all callers off the candidate."""
    return last is not None and last.direction is Direction.BACK and last.after.candidate == 0


def outcome(*, legacy: str, last: Entry | None, obeyed: Convergence, stuck: int) -> str:
    """The headline where nothing is left to take down. `obeyed` is about the version of `last`."""
    if not is_done(last):
        told = (
            _("Cannot go back: {legacy} no longer runs here.")
            if stuck
            else _("Nothing to roll back: {legacy} answers here.")
        )
        return told.format(legacy=legacy)
    if not obeyed.live:
        return _("Rolled back. No data plane is connected to confirm it.")
    if obeyed.waiting:
        return _not_everywhere(obeyed)
    if stuck:
        return _("Rolled back what can go back: {legacy} answers it.").format(legacy=legacy)
    if obeyed.silent:
        return _("Rolled back on every data plane that reports.")
    return _("Rolled back: {legacy} answers every request.").format(legacy=legacy)


def _not_everywhere(obeyed: Convergence) -> str:
    waiting = len(obeyed.waiting)
    told = ngettext(
        "Rolled back, not everywhere yet: {waiting} data plane still has to follow.",
        "Rolled back, not everywhere yet: {waiting} data planes still have to follow.",
        waiting,
    )
    return told.format(waiting=waiting)


def silence(obeyed: Convergence) -> str:
    """Who was heard within a day and is not any more; empty for nobody."""
    silent = len(obeyed.silent)
    if not silent:
        return ""
    told = ngettext(
        "{silent} that was heard today is silent: nobody knows what it does.",
        "{silent} that were heard today are silent: nobody knows what they do.",
        silent,
    )
    return told.format(silent=silent)
