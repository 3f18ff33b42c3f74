"""Who works, on what first, and how much it is."""

from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView, projects_seen
from migrator.api.lookups import team_named, unit_with_id, units_named
from migrator.api.schema import described, listed
from migrator.api.serializers.planning_work import (
    CapacitySerializer,
    DependencySerializer,
    EffortSerializer,
    EffortSetSerializer,
    SetEffortSerializer,
)
from migrator.inventory.models import Project
from migrator.inventory.services import Invalid
from migrator.planning import services
from migrator.planning.models import Capacity, Dependency, Effort


@listed(CapacitySerializer)
class Capacities(ProjectView, generics.ListAPIView[Capacity]):
    """How many people each team has, over time."""

    queryset = Capacity.objects.select_related("team")
    serializer_class = CapacitySerializer
    page_order = ("id",)
    rights: ClassVar = {"POST": Right.MANAGE}

    def get_queryset(self) -> QuerySet[Any]:
        return Capacity.objects.select_related("team").filter(team__project=self.project)

    @described(request=CapacitySerializer, answers={201: CapacitySerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Say how many people a team has from a day on. For the same day the last word counts."""
        body = CapacitySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = dict(body.validated_data)
        team = team_named(self.project, wanted.pop("team")["name"])
        made = services.set_capacity(team=team, actor=self.actor, now=timezone.now(), **wanted)
        return Response(CapacitySerializer(made).data, status=status.HTTP_201_CREATED)


@listed(DependencySerializer)
class Dependencies(ProjectView, generics.ListAPIView[Dependency]):
    """Which units wait for which."""

    queryset = Dependency.objects.select_related("unit", "needs")
    serializer_class = DependencySerializer
    page_order = ("id",)
    rights: ClassVar = {"POST": Right.EDIT}

    def get_queryset(self) -> QuerySet[Any]:
        return Dependency.objects.select_related("unit", "needs").filter(unit__project=self.project)

    @described(request=DependencySerializer, answers={201: DependencySerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Say that a unit waits. What would close a ring is refused, with the ring. Repeating it is harmless."""
        body = DependencySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        made = services.add_dependency(
            unit=unit_with_id(self.project, wanted["unit_id"]),
            needs=unit_with_id(self.project, wanted["needs_id"], field="needs"),
            actor=self.actor,
            now=timezone.now(),
            reason=wanted["reason"],
        )
        return Response(DependencySerializer(made).data, status=status.HTTP_201_CREATED)


class OneDependency(ProjectView):
    """One unit that waits for another."""

    queryset = Dependency.objects.all()
    serializer_class = DependencySerializer
    rights: ClassVar = {"DELETE": Right.EDIT}

    @cached_property
    def dependency(self) -> Dependency:
        found = Dependency.objects.filter(unit__project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        dependency = found.select_related("unit__project", "needs").first()
        if dependency is None:
            raise NotFound(f"There is no dependency {self.kwargs['pk']} that you may see.")
        return dependency

    @cached_property
    def project(self) -> Project:
        return self.dependency.unit.project

    @described(request=None, answers={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """It waits no more."""
        services.remove_dependency(dependency=self.dependency, actor=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


@listed(EffortSerializer)
class Efforts(ProjectView, generics.ListAPIView[Effort]):
    """How much work units are. A unit that is not here counts as the mean of those that are."""

    queryset = Effort.objects.select_related("unit")
    serializer_class = EffortSerializer
    page_order = ("id",)
    rights: ClassVar = {"POST": Right.EDIT}

    def get_queryset(self) -> QuerySet[Any]:
        return Effort.objects.select_related("unit").filter(unit__project=self.project)

    @described(request=SetEffortSerializer, answers={200: EffortSetSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Estimate units by hand, any number at once. No count overwrites it."""
        body = SetEffortSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        points = body.validated_data["points"]
        ids = units_named(self.project, list(points))
        if len(set(ids.values())) < len(ids):
            raise Invalid("points", "points: one unit is named twice, by its id and by its key.")
        changed = services.set_effort(
            project=self.project,
            points={ids[name]: each for name, each in points.items()},
            actor=self.actor,
            now=timezone.now(),
            reason=body.validated_data["reason"],
        )
        return Response(EffortSetSerializer({"changed": changed}).data)
