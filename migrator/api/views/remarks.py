"""What people write for each other: comments on a unit, the hand-over note of a project."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView, UnitView
from migrator.api.schema import described, listed
from migrator.api.serializers.people import NewRemarkSerializer, RemarkSerializer
from migrator.rollout import remarks
from migrator.rollout.models import Comment, HandOver


def said(request: Request) -> Any:
    """The text of a body. Raises ValidationError."""
    body = NewRemarkSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    return body.validated_data["text"]


@listed(RemarkSerializer)
class Comments(UnitView, generics.ListAPIView[Comment]):
    """What people said about a unit, newest first."""

    queryset = Comment.objects.all()
    serializer_class = RemarkSerializer
    page_order = ("-id",)
    rights: ClassVar = {"POST": Right.ROLL_BACK}

    def get_queryset(self) -> QuerySet[Any]:
        return Comment.objects.filter(unit=self.unit)

    @described(request=NewRemarkSerializer, answers={201: RemarkSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Say something about it."""
        made = remarks.comment(unit=self.unit, text=said(request), actor=self.actor, now=timezone.now())
        return Response(RemarkSerializer(made).data, status=status.HTTP_201_CREATED)


@listed(RemarkSerializer)
class HandOvers(ProjectView, generics.ListAPIView[HandOver]):
    """What whoever is on call next must know, newest first."""

    queryset = HandOver.objects.all()
    serializer_class = RemarkSerializer
    page_order = ("-id",)
    rights: ClassVar = {"POST": Right.ROLL_BACK}

    @described(request=NewRemarkSerializer, answers={201: RemarkSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Leave a note for whoever is on call next."""
        made = remarks.hand_over(project=self.project, text=said(request), actor=self.actor, now=timezone.now())
        return Response(RemarkSerializer(made).data, status=status.HTTP_201_CREATED)
