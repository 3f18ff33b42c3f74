"""Filters of a list that somebody gave a name."""

from urllib.parse import parse_qsl, urlencode

from django.db.models import Q, QuerySet

from migrator.inventory.models import Project
from migrator.inventory.services import Invalid
from migrator.planning.models import SavedView

NAME = 100
QUERY = 1_000
PASSING = frozenset({"after", "open"})
"""What an address holds of the reader's place in a list: no part of a view."""


def save_view(*, project: Project, user_id: int, page: str, name: str, query: str, shared: bool = False) -> SavedView:
    """Keep the filters of a page under a name; one's own view of that name is replaced. Raises Invalid."""
    told = name.replace("\0", "").strip()
    if not 0 < len(told) <= NAME:
        raise Invalid("name", f"A view has a name of at most {NAME} characters.")
    kept = urlencode([(key, value) for key, value in parse_qsl(query.replace("\0", "")) if key not in PASSING])
    if len(kept) > QUERY:
        raise Invalid("query", "These filters are too long to be kept.")
    saved, _ = SavedView.objects.update_or_create(
        project=project, user_id=user_id, page=page, name=told, defaults={"query": kept, "shared": shared}
    )
    return saved


def remove_view(*, view: SavedView, user_id: int, may_manage: bool = False) -> None:
    """Forget one's own view; whoever manages the project may forget shared ones. Raises Invalid for others'."""
    if view.user_id != user_id and not (view.shared and may_manage):
        raise Invalid("view", f"{view.name} is somebody else's.")
    view.delete()


def views_of(*, project: Project, user_id: int, page: str) -> QuerySet[SavedView]:
    """One's own views of a page and the shared ones, by name."""
    mine = Q(user=user_id) | Q(shared=True)
    return SavedView.objects.filter(mine, project=project, page=page).select_related("user").order_by("name", "pk")
