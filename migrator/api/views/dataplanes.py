"""Who obeys, and what they saw that nobody tracks."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView
from migrator.api.lookups import service_named
from migrator.api.schema import described, listed
from migrator.api.serializers.projects import DataPlaneSerializer, ObservedSerializer, TrackSerializer
from migrator.api.serializers.units import UnitSerializer
from migrator.inventory.models import ObservedEndpoint, Service
from migrator.inventory.services import Invalid, dismiss_observed
from migrator.ledger.scoping import track_observed
from migrator.rollout.models import DataPlane


@listed(DataPlaneSerializer)
class DataPlanes(ProjectView, generics.ListAPIView[DataPlane]):
    """The data planes of a project: which table each applies, and when it was last heard."""

    queryset = DataPlane.objects.select_related("project")
    serializer_class = DataPlaneSerializer
    page_order = ("source",)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "now": timezone.now()}


@listed(ObservedSerializer)
class Observed(ProjectView, generics.ListAPIView[ObservedEndpoint]):
    """Endpoints that traffic showed and no unit covers."""

    queryset = ObservedEndpoint.objects.select_related("service").filter(dismissed_at__isnull=True)
    serializer_class = ObservedSerializer
    page_order = ("key",)


class OneObserved(ProjectView):
    """One endpoint that traffic showed."""

    queryset = ObservedEndpoint.objects.select_related("service", "project")
    serializer_class = UnitSerializer
    rights: ClassVar[Mapping[str, Right]] = {"POST": Right.EDIT}

    def observed(self) -> ObservedEndpoint:
        found = self.get_queryset().filter(pk=self.kwargs["pk"]).first()
        if not isinstance(found, ObservedEndpoint):
            raise NotFound(f"{self.project} has no observed endpoint with the id {self.kwargs['pk']}.")
        return found


class TrackObserved(OneObserved):
    """Take an observed endpoint into the backlog."""

    @described(request=TrackSerializer, answers={201: UnitSerializer})
    def post(self, request: Request, slug: str, pk: int) -> Response:
        """It becomes a unit, and is no longer offered."""
        body = TrackSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        observed = self.observed()
        service = self.service_of(observed, body.validated_data.get("service"))
        unit = track_observed(observed=observed, service=service, actor=self.actor, now=timezone.now())
        return Response(UnitSerializer(unit).data, status=status.HTTP_201_CREATED)

    def service_of(self, observed: ObservedEndpoint, name: str | None) -> Service:
        if name is not None:
            return service_named(self.project, name)
        if observed.service is None:
            raise Invalid("service", "Traffic did not say whose endpoint this is: name the service.")
        return observed.service


class DismissObserved(OneObserved):
    """Stop offering an endpoint."""

    @described(request=None, answers={204: None})
    def post(self, request: Request, slug: str, pk: int) -> Response:
        """It is not offered again, however much traffic it gets."""
        dismiss_observed(observed=self.observed(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
