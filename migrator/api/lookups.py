"""What a body names by its name or id, found within one project. What is not there is answered with what is."""

from collections.abc import Mapping, Sequence
from typing import Any

from migrator.inventory.models import Kind, Project, Service, Team, Unit
from migrator.inventory.services import Invalid
from migrator.planning.models import Phase

SHOWN = 20


def service_named(project: Project, name: str) -> Service:
    """Raises Invalid naming the services there are."""
    found = project.services.filter(name=name).first()
    if found is None:
        raise Invalid("service", f"{project} has no service {name!r}. {_there_are(project.services)}")
    return found


def team_named(project: Project, name: str) -> Team:
    """Raises Invalid naming the teams there are."""
    found = project.teams.filter(name=name).first()
    if found is None:
        raise Invalid("team", f"{project} has no team {name!r}. {_there_are(project.teams)}")
    return found


def endpoint_with_id(project: Project, pk: int) -> Unit:
    """The endpoint that carries a field. Raises Invalid."""
    found = Unit.objects.tracked().filter(project=project, kind=Kind.ENDPOINT, pk=pk).first()
    if found is None:
        raise Invalid("parent", f"{project} has no endpoint with the id {pk}.")
    return found


def unit_with_id(project: Project, pk: int, *, field: str = "unit") -> Unit:
    """An endpoint or a field; `field` is how the body calls it. Raises Invalid."""
    found = Unit.objects.tracked().filter(project=project, pk=pk).select_related("project").first()
    if found is None:
        raise Invalid(field, f"{project} has no unit with the id {pk}.")
    return found


def units_named(project: Project, names: Sequence[str]) -> dict[str, int]:
    """Ids of units that are named by their ids or keys. Raises Invalid naming the first that is not tracked."""
    numbers = {name: int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 19}
    tracked = Unit.objects.tracked().filter(project=project)
    known = set(tracked.filter(pk__in=numbers.values()).values_list("pk", flat=True))
    keys = dict(tracked.filter(key__in=[name for name in names if name not in numbers]).values_list("key", "pk"))
    found = {name: pk for name, pk in numbers.items() if pk in known} | keys
    for name in names:
        if name not in found:
            raise Invalid("points", f"{project} has no unit {name[:100]!r}.")
    return found


def phase_named(project: Project, name: str) -> Phase:
    """Raises Invalid naming the phases there are."""
    found = project.phases.filter(name=name).first()
    if found is None:
        raise Invalid("phase", f"{project} has no phase {name!r}. {_there_are(project.phases)}")
    return found


def person_named(project: Project, name: str) -> Any:
    """A member of the project. Raises Invalid."""
    member = project.memberships.filter(user__username=name).select_related("user").first()
    if member is None:
        raise Invalid("assignee", f"{project} has no member {name[:40]!r}.")
    return member.user


def unit_columns(project: Project, data: Mapping[str, Any]) -> dict[str, Any]:
    """A unit's validated body with its names and ids replaced by rows. Raises Invalid."""
    columns = dict(data)
    if "service" in data:
        columns["service"] = service_named(project, data["service"]["name"])
    if "team" in data:
        name = data["team"]["name"]
        columns["team"] = None if name is None else team_named(project, name)
    if "parent_id" in data:
        pk = columns.pop("parent_id")
        columns["parent"] = None if pk is None else endpoint_with_id(project, pk)
    return columns


def _there_are(rows: Any) -> str:
    names = list(rows.order_by("name").values_list("name", flat=True)[: SHOWN + 1])
    if not names:
        return "It has none yet."
    return f"It has: {', '.join(names[:SHOWN])}{' and more' if len(names) > SHOWN else ''}."
