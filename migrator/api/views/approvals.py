"""A second person's word: asked for, given, refused, withdrawn."""

from functools import cached_property
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.models import Approval
from migrator.access.rights import Right
from migrator.api.base import ProjectView, UnitView, projects_seen
from migrator.api.filters import ApprovalFilter
from migrator.api.schema import described, listed
from migrator.api.serializers.people import ApprovalSerializer, AskSerializer, DecisionSerializer
from migrator.api.views.flips import change_of
from migrator.inventory.models import Project
from migrator.rollout import approvals


@listed(ApprovalSerializer)
class Approvals(ProjectView, generics.ListAPIView[Approval]):
    """What waits for a second person and what was decided, newest first."""

    queryset = Approval.objects.select_related("unit")
    serializer_class = ApprovalSerializer
    filterset_class = ApprovalFilter
    page_order = ("-id",)


class AskForUnit(UnitView):
    """Ask for a step that takes two."""

    queryset = UnitView.units
    serializer_class = ApprovalSerializer
    rights: ClassVar = {"POST": Right.FLIP}

    @described(request=AskSerializer, answers={201: ApprovalSerializer}, also=(409,))
    def post(self, request: Request, pk: int) -> Response:
        """Ask, with the body of the flip. Whoever approves carries it out; asking twice is asking once."""
        body = AskSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = approvals.ask(
            project=self.project,
            change=change_of(self.unit.pk, body.validated_data),
            actor=self.actor,
            reason=body.validated_data["reason"],
            now=timezone.now(),
        )
        return Response(ApprovalSerializer(asked).data, status=status.HTTP_201_CREATED)


class OneApproval(ProjectView):
    """One approval, found among the projects that the caller may see."""

    queryset = Approval.objects.all()
    serializer_class = ApprovalSerializer

    @cached_property
    def row(self) -> Approval:
        rows = Approval.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        found = rows.select_related("project", "unit").first()
        if found is None:
            raise NotFound(f"There is no approval {self.kwargs['pk']} that you may see.")
        return found

    @cached_property
    def project(self) -> Project:
        return self.row.project

    def note(self, request: Request) -> Any:
        body = DecisionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return body.validated_data["note"]


class Approve(OneApproval):
    """Say yes."""

    @described(request=DecisionSerializer, answers={200: ApprovalSerializer}, also=(409, 422))
    def post(self, request: Request, pk: int) -> Response:
        """Approve and carry out, in one. People only, and not one's own; 409 where it is void or decided already."""
        given = approvals.approve(approval=self.row, actor=self.actor, now=timezone.now(), note=self.note(request))
        return Response(ApprovalSerializer(given).data)


class Refuse(OneApproval):
    """Say no."""

    @described(request=DecisionSerializer, answers={200: ApprovalSerializer}, also=(409,))
    def post(self, request: Request, pk: int) -> Response:
        """Refuse. Nothing is carried out."""
        said = approvals.refuse(approval=self.row, actor=self.actor, now=timezone.now(), note=self.note(request))
        return Response(ApprovalSerializer(said).data)


class Withdraw(OneApproval):
    """Ask no longer."""

    @described(request=DecisionSerializer, answers={200: ApprovalSerializer}, also=(409,))
    def post(self, request: Request, pk: int) -> Response:
        """Withdraw what one asked for."""
        self.note(request)
        gone = approvals.withdraw(approval=self.row, actor=self.actor, now=timezone.now())
        return Response(ApprovalSerializer(gone).data)
