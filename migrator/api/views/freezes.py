"""Not now: freezes made, listed and lifted. On-call may."""

from functools import cached_property
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView, projects_seen
from migrator.api.filters import FreezeFilter
from migrator.api.lookups import service_named, unit_with_id
from migrator.api.schema import described, listed
from migrator.api.serializers.people import FreezeSerializer, LiftSerializer, NewFreezeSerializer
from migrator.inventory.models import Project
from migrator.rollout import freezes
from migrator.rollout.models import Freeze


@listed(FreezeSerializer)
class Freezes(ProjectView, generics.ListAPIView[Freeze]):
    """The freezes of a project, newest first: in force, to come, and over."""

    queryset = Freeze.objects.select_related("project", "service", "unit")
    serializer_class = FreezeSerializer
    filterset_class = FreezeFilter
    page_order = ("-id",)
    rights: ClassVar = {"POST": Right.FREEZE}

    @described(request=NewFreezeSerializer, answers={201: FreezeSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Keep a unit, a service or the project from climbing. Going down is never frozen."""
        body = NewFreezeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = freezes.freeze(
            project=self.project, actor=self.actor, now=timezone.now(), **self._columns(body.validated_data)
        )
        return Response(FreezeSerializer(made).data, status=status.HTTP_201_CREATED)

    def _columns(self, told: dict[str, Any]) -> dict[str, Any]:
        columns = dict(told)
        if "unit" in columns:
            columns["unit"] = unit_with_id(self.project, columns["unit"])
        if "service" in columns:
            columns["service"] = service_named(self.project, columns["service"])
        return columns


class LiftFreeze(ProjectView):
    """End a freeze."""

    queryset = Freeze.objects.all()
    serializer_class = FreezeSerializer
    rights: ClassVar = {"POST": Right.FREEZE}

    @cached_property
    def row(self) -> Freeze:
        rows = Freeze.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        found = rows.select_related("project", "service", "unit").first()
        if found is None:
            raise NotFound(f"There is no freeze {self.kwargs['pk']} that you may see.")
        return found

    @cached_property
    def project(self) -> Project:
        return self.row.project

    @described(request=LiftSerializer, answers={200: FreezeSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Lift it. Lifting it again is harmless."""
        body = LiftSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        lifted = freezes.lift(freeze=self.row, actor=self.actor, now=timezone.now(), **body.validated_data)
        return Response(FreezeSerializer(lifted).data)
