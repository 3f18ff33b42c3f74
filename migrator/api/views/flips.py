"""The API's handle on the single door: flip, roll back, and read the ledger."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Forbidden, Right
from migrator.api.base import ProjectView, UnitView
from migrator.api.filters import FlipFilter
from migrator.api.idempotency import PARAMETER, ROLLBACK_PARAMETER, Repeatable
from migrator.api.lookups import service_named
from migrator.api.schema import described, listed
from migrator.api.serializers.units import (
    FlipAnswerSerializer,
    FlipManyAnswerSerializer,
    FlipManySerializer,
    FlipRequestSerializer,
    FlipSerializer,
    ProjectRollbackRequestSerializer,
    RollbackAnswerSerializer,
    RollbackRequestSerializer,
    UnitRollbackAnswerSerializer,
)
from migrator.inventory.models import Project, Unit
from migrator.rollout.glass import break_glass
from migrator.rollout.models import Flip
from migrator.rollout.scopes import Scope, one_unit
from migrator.rollout.services import Change, Rollback, flip, rollback

SHOWN = 100
"""Entries that an answer shows; the ledger has all."""


def change_of(unit_id: int, wanted: Mapping[str, Any]) -> Change:
    """What a body wants of one unit."""
    return Change(
        unit_id=unit_id,
        version=wanted["version"],
        stage=wanted.get("stage"),
        candidate=wanted.get("candidate_percent"),
        mirror=wanted.get("mirror_percent"),
    )


class FlipUnit(Repeatable, UnitView):
    """Move one unit."""

    units: ClassVar = UnitView.units.filter(gone_at__isnull=True)
    queryset = UnitView.units
    serializer_class = FlipAnswerSerializer

    @described(
        request=FlipRequestSerializer, answers={200: FlipAnswerSerializer}, also=(409, 422), parameters=(PARAMETER,)
    )
    def post(self, request: Request, pk: int) -> Response:
        """Change stage or percentages: 409 where the version is stale, 422 where the ladder or a barrier says no."""
        body = FlipRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        if wanted["break_glass"]:
            # A code is spent even where the door refuses, so it is not asked for inside of a transaction.
            return self._answered(self._through_the_glass(request, wanted))
        return self.once(request, lambda: self._answered(self._flip(wanted)))

    def _common(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        changes = [change_of(self.unit.pk, wanted)]
        return {
            "project": self.project, "changes": changes, "actor": self.actor, "reason": wanted["reason"],
            "now": timezone.now(),
        }  # fmt: skip

    def _flip(self, wanted: Mapping[str, Any]) -> list[Flip]:
        return flip(override=wanted["override"], **self._common(wanted))

    def _through_the_glass(self, request: Request, wanted: Mapping[str, Any]) -> list[Flip]:
        return break_glass(user=request.user, code=wanted["code"], **self._common(wanted))

    def _answered(self, flips: list[Flip]) -> Response:
        answer = {"unit": UnitView.units.get(pk=self.unit.pk), "flip": flips[0] if flips else None}
        return Response(FlipAnswerSerializer(answer).data)


class FlipMany(Repeatable, ProjectView):
    """Move many units, all or none."""

    queryset = Project.objects.all()
    serializer_class = FlipManyAnswerSerializer

    @described(
        request=FlipManySerializer, answers={200: FlipManyAnswerSerializer}, also=(409, 422), parameters=(PARAMETER,)
    )
    def post(self, request: Request, slug: str) -> Response:
        """Move up to a thousand units in one version. The first that cannot move is named, and then none moves."""
        if not self.actor.may_somewhere(Right.FLIP):
            raise Forbidden(actor=self.actor, right=Right.FLIP)
        body = FlipManySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self.once(request, lambda: self._flip(body.validated_data))

    def _flip(self, wanted: Mapping[str, Any]) -> Response:
        flips = flip(
            project=self.project,
            changes=[change_of(each["unit"], each) for each in wanted["changes"]],
            actor=self.actor,
            reason=wanted["reason"],
            now=timezone.now(),
            override=wanted["override"],
        )
        return Response(FlipManyAnswerSerializer({"flipped": len(flips), "flips": flips[:SHOWN]}).data)


class RollBackUnit(Repeatable, UnitView):
    """Take one unit down, with whatever its answer carries."""

    queryset = UnitView.units
    serializer_class = UnitRollbackAnswerSerializer

    @described(
        request=RollbackRequestSerializer,
        answers={200: UnitRollbackAnswerSerializer},
        also=(422,),
        parameters=(ROLLBACK_PARAMETER,),
    )
    def post(self, request: Request, pk: int) -> Response:
        """Roll back. Never refused for a stale version, a gate or an approval; repeating it is harmless."""
        body = RollbackRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self.whatever_the_key(request, lambda: self._roll_back(body.validated_data))

    def _roll_back(self, wanted: Mapping[str, Any]) -> Response:
        done = rollback(project=self.project, scope=one_unit(self.unit), actor=self.actor, now=timezone.now(), **wanted)
        answer = told(done) | {"unit": UnitView.units.get(pk=self.unit.pk)}
        return Response(UnitRollbackAnswerSerializer(answer).data)


class RollBackProject(Repeatable, ProjectView):
    """Take a project down, or a service of it, or the units named."""

    queryset = Project.objects.all()
    serializer_class = RollbackAnswerSerializer

    @described(
        request=ProjectRollbackRequestSerializer,
        answers={200: RollbackAnswerSerializer},
        also=(422,),
        parameters=(ROLLBACK_PARAMETER,),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Roll back many units at once. An id that is not of this project is reported, and holds up no other."""
        body = ProjectRollbackRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self.whatever_the_key(request, lambda: self._roll_back(dict(body.validated_data)))

    def _roll_back(self, wanted: dict[str, Any]) -> Response:
        scope, unknown = self.scope(wanted.pop("units", None), wanted.pop("service", None))
        done = rollback(project=self.project, scope=scope, actor=self.actor, now=timezone.now(), **wanted)
        return Response(RollbackAnswerSerializer(told(done, unknown=unknown)).data)

    def scope(self, units: list[int] | None, service: str | None) -> tuple[Scope, list[int]]:
        """What to roll back, and the ids that name nothing here."""
        if service is not None:
            return Scope(service=service_named(self.project, service)), []
        if units is None:
            return Scope(everything=True), []
        known = set(Unit.objects.tracked().filter(project=self.project, pk__in=units).values_list("pk", flat=True))
        return Scope(unit_ids=tuple(units)), [pk for pk in units if pk not in known]


def told(done: Rollback, *, unknown: list[int] | None = None) -> dict[str, Any]:
    """What a rollback did, as its serializer wants it."""
    left = [{"unit": r.unit.pk, "key": r.unit.key, "message": r.message} for r in done.left]
    left += [{"unit": pk, "key": None, "message": "No such unit is tracked here."} for pk in unknown or []]
    return {
        "rolled_back": len(done.flips),
        "flips": done.flips[:SHOWN],
        "left": left[:SHOWN],
        "left_count": len(left),
    }


@listed(FlipSerializer)
class Ledger(ProjectView, generics.ListAPIView[Flip]):
    """Every flip of a project, newest first. Entries are never changed and never deleted."""

    queryset = Flip.objects.select_related("unit")
    serializer_class = FlipSerializer
    filterset_class = FlipFilter
    page_order = ("-id",)
