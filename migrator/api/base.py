"""What every view of a project or a unit does first: find it among what the caller may see, then ask for the right.

What a caller may not see answers like what does not exist, so nobody learns names by trying them.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.models import Token
from migrator.access.rights import Actor, Right, Via, demand, person, program, projects_seen_by
from migrator.api.serializers.people import ApprovalSerializer
from migrator.gates.services import NeedsSecondPerson
from migrator.inventory.models import Project, Unit
from migrator.rollout.approvals import ask_for


def projects_seen(request: Request) -> QuerySet[Project]:
    """The projects that this caller may see. A token without a project sees all of them."""
    if isinstance(request.auth, Token):
        home = request.auth.project_id
        return Project.objects.all() if home is None else Project.objects.filter(pk=home)
    seen: QuerySet[Project] = projects_seen_by(user=request.user)
    return seen


def acting(request: Request, project: Project) -> Actor:
    """The caller as an actor of this project."""
    if isinstance(request.auth, Token):
        return program(token=request.auth, project=project)
    return person(user=request.user, project=project, via=Via.API)


class ProjectView(GenericAPIView[Any]):
    """A view below `/projects/{slug}/`. `rights` says what each method demands; to see is the least."""

    rights: ClassVar[Mapping[str, Right]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        demand(actor=self.actor, right=self.rights.get(request.method or "", Right.SEE))

    @cached_property
    def project(self) -> Project:
        slug = self.kwargs["slug"]
        found = projects_seen(self.request).filter(slug=slug).first()
        if found is None:
            raise NotFound(f"There is no project {slug} that you may see.")
        return found

    @cached_property
    def actor(self) -> Actor:
        return acting(self.request, self.project)

    def handle_exception(self, exc: Exception) -> Response:
        """What takes a second person is asked for where the caller wants that: `?ask=true`."""
        if isinstance(exc, NeedsSecondPerson) and self.request.query_params.get("ask") in ("1", "true"):
            body = self.request.data
            said = str(body.get("reason", "")) if isinstance(body, dict) else ""
            asked = ask_for(project=self.project, kept_back=exc, actor=self.actor, reason=said, now=timezone.now())
            return Response(ApprovalSerializer(asked).data, status=status.HTTP_202_ACCEPTED)
        return super().handle_exception(exc)

    def get_queryset(self) -> QuerySet[Any]:
        """The rows of this project."""
        return super().get_queryset().filter(project=self.project)


class UnitView(ProjectView):
    """A view below `/units/{id}/`."""

    units: ClassVar[QuerySet[Unit]] = Unit.objects.select_related(
        "project", "service", "team", "contested_by", "parent"
    )

    @cached_property
    def unit(self) -> Unit:
        found = self.units.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"]).first()
        if found is None:
            raise NotFound(f"There is no unit {self.kwargs['pk']} that you may see.")
        return found

    @cached_property
    def project(self) -> Project:
        return self.unit.project

    @cached_property
    def actor(self) -> Actor:
        """The caller before this unit: a role in its team holds here."""
        return acting(self.request, self.project).at(self.unit)
