"""Units: found, tracked, described. Where they stand changes in `flips` alone."""

from typing import ClassVar

from django.utils import timezone
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView, UnitView
from migrator.api.filters import UnitFilter
from migrator.api.lookups import unit_columns
from migrator.api.schema import described, listed
from migrator.api.serializers.units import UnitChangeSerializer, UnitSerializer
from migrator.inventory.models import Unit
from migrator.ledger import changes
from migrator.ledger.scoping import create_unit


@listed(UnitSerializer)
class Units(ProjectView, generics.ListAPIView[Unit]):
    """The units of a project, in the order of their keys. Those that are gone only with `gone=true`."""

    queryset = UnitView.units
    serializer_class = UnitSerializer
    filterset_class = UnitFilter
    page_order = ("key",)
    rights: ClassVar = {"POST": Right.EDIT}

    @described(request=UnitSerializer, answers={201: UnitSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Track one endpoint or field, in the backlog."""
        body = UnitSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        columns = unit_columns(self.project, body.validated_data)
        unit = create_unit(project=self.project, actor=self.actor, now=timezone.now(), **columns)
        return Response(UnitSerializer(unit).data, status=status.HTTP_201_CREATED)


class OneUnit(UnitView):
    """One endpoint or field."""

    queryset = UnitView.units
    serializer_class = UnitSerializer
    rights: ClassVar = {"PATCH": Right.EDIT}

    @described(answers={200: UnitSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return Response(UnitSerializer(self.unit).data)

    @described(request=UnitChangeSerializer, answers={200: UnitSerializer})
    def patch(self, request: Request, pk: int) -> Response:
        """Change who owns it, how it is routed and what is declared of it; the ledger keeps it.

        Stage and percentages change by a flip.
        """
        body = UnitChangeSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        columns = unit_columns(self.project, body.validated_data)
        changed = changes.unit(unit=self.unit, actor=self.actor, now=timezone.now(), **columns)
        return Response(UnitSerializer(changed).data)
