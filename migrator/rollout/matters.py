"""Which matters were told and are not over: so that a guard which looks every few seconds says things once."""

from collections.abc import Sequence

from migrator.inventory.models import Project
from migrator.telling.models import Message


def open_matters(
    *, keys: Sequence[str] | None = None, event: str = "", project: Project | None = None
) -> dict[str, Message]:
    """The newest message of each matter that none resolved since, by key."""
    messages = Message.objects.all()
    if keys is not None:
        messages = messages.filter(key__in=list(keys))
    if event:
        messages = messages.filter(event=event)
    if project is not None:
        messages = messages.filter(project=project)
    newest = messages.order_by("project_id", "key", "-id").distinct("project_id", "key")
    return {each.key: each for each in newest.select_related("project", "unit") if not each.resolves}
