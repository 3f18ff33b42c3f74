"""Ramps: started, listed, paused, resumed, hurried, stopped."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView, projects_seen
from migrator.api.filters import RampFilter
from migrator.api.problems import MEDIA_TYPE, error, problem
from migrator.api.schema import described, listed
from migrator.api.serializers.ramps import (
    PLAN,
    WHICH,
    LeftOutSerializer,
    NewRampsSerializer,
    RampChangeSerializer,
    RampSerializer,
    StartedSerializer,
)
from migrator.core.ramp import Plan, PlanRefused
from migrator.core.ramp_text import read_plan
from migrator.inventory.models import Project, Unit
from migrator.inventory.queries import Wanted
from migrator.inventory.services import Invalid
from migrator.rollout import ramps
from migrator.rollout.models import Ramp
from migrator.rollout.pulse import database_now
from migrator.rollout.ramp_queries import row_of, with_units

SHOWN = 100


@listed(RampSerializer)
class Ramps(ProjectView, generics.ListAPIView[Ramp]):
    """The ramps of a project, newest first: those that have not ended, unless asked otherwise."""

    queryset = with_units(Ramp.objects.all())
    serializer_class = RampSerializer
    filterset_class = RampFilter
    page_order = ("-id",)
    rights: ClassVar = {"POST": Right.FLIP}

    def get(self, request: Request, slug: str) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(RampSerializer([row_of(ramp) for ramp in page], many=True).data)

    @described(request=NewRampsSerializer, answers={200: StartedSerializer, 201: StartedSerializer}, also=(422,))
    def post(self, request: Request, slug: str) -> Response:
        """Let units climb by themselves. Those that cannot are left out, each with its reason."""
        body = NewRampsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        plan, ids = plan_in(wanted), units_in(self.project, wanted)
        if wanted["dry_run"]:
            seen = ramps.preview(project=self.project, unit_ids=ids, plan=plan)
            return Response(started(len(seen.ready), [], seen.left, seen.sentence))
        try:
            done = ramps.start(
                project=self.project,
                unit_ids=ids,
                plan=plan,
                actor=self.actor,
                reason=wanted["reason"],
                now=database_now(),
                all_or_none=wanted["all_or_none"],
            )
        except ramps.NoneReady as refused:
            return none_ready(refused)
        sentence = f"{len(done.ramps):,} started, {len(done.left):,} left out."
        answer = started(len(done.ramps), done.ramps, done.left, sentence, batch=str(done.batch))
        return Response(answer, status=status.HTTP_201_CREATED)


def plan_in(wanted: Mapping[str, Any]) -> Plan:
    """The plan of a body. Raises Invalid naming the field."""
    try:
        return read_plan(**{name: str(wanted.get(name, "")) for name in PLAN})
    except PlanRefused as refused:
        raise Invalid(refused.field, refused.message) from None


def units_in(project: Project, wanted: Mapping[str, Any]) -> list[int]:
    """Ids of the units that a body names or describes."""
    if "units" in wanted:
        return list(wanted["units"])
    query = Wanted(**{name: wanted[name] for name in WHICH if name in wanted}).as_query()
    units = Unit.objects.tracked().filter(project=project).filter(query)
    return list(units.order_by("key").values_list("pk", flat=True)[: ramps.MOST])


def started(
    number: int, begun: Sequence[Ramp], left: Sequence[ramps.Left], sentence: str, batch: str | None = None
) -> dict[str, Any]:
    shown = with_units(Ramp.objects.filter(pk__in=[ramp.pk for ramp in begun[:SHOWN]]))
    body = {
        "batch": batch,
        "started": number,
        "ramps": [row_of(ramp) for ramp in shown],
        "left": left,
        "sentence": sentence,
    }
    return dict(StartedSerializer(body).data)


def none_ready(refused: ramps.NoneReady) -> Response:
    """Not one unit can climb, or not all where all were wanted."""
    body = problem(
        "none-ready",
        status.HTTP_422_UNPROCESSABLE_ENTITY,
        "Nothing was started",
        str(refused),
        left=LeftOutSerializer(refused.left[:SHOWN], many=True).data,
        errors=[error("units", f"{left.key}: {left.reason}") for left in refused.left[:SHOWN]],
    )
    return Response(body, status=status.HTTP_422_UNPROCESSABLE_ENTITY, content_type=MEDIA_TYPE)


class ChangeRamp(ProjectView):
    """What is done to one ramp."""

    queryset = Ramp.objects.all()
    serializer_class = RampSerializer

    @cached_property
    def ramp(self) -> Ramp:
        found = Ramp.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        ramp = found.select_related("project").first()
        if ramp is None:
            raise NotFound(f"There is no ramp {self.kwargs['pk']} that you may see.")
        return ramp

    @cached_property
    def project(self) -> Project:
        return self.ramp.project

    def changed(self, request: Request, verb: Callable[..., ramps.Done]) -> Response:
        body = RampChangeSerializer(data=request.data or {})
        body.is_valid(raise_exception=True)
        done = verb(
            project=self.project,
            ramp_ids=[self.ramp.pk],
            actor=self.actor,
            now=database_now(),
            reason=body.validated_data["reason"],
        )
        if done.left:
            told = problem("ramp-state", status.HTTP_409_CONFLICT, "Not applied", f"Not applied: {done.left[0].reason}")
            return Response(told, status=status.HTTP_409_CONFLICT, content_type=MEDIA_TYPE)
        return Response(RampSerializer(row_of(with_units(Ramp.objects.filter(pk=self.ramp.pk)).get())).data)


class PauseRamp(ChangeRamp):
    rights: ClassVar = {"POST": Right.ROLL_BACK}

    @described(request=RampChangeSerializer, answers={200: RampSerializer}, also=(409,))
    def post(self, request: Request, pk: int) -> Response:
        """Stop its clock. The unit stays where it is, and the guard goes on watching."""
        return self.changed(request, ramps.pause)


class ResumeRamp(ChangeRamp):
    rights: ClassVar = {"POST": Right.FLIP}

    @described(request=RampChangeSerializer, answers={200: RampSerializer}, also=(409,))
    def post(self, request: Request, pk: int) -> Response:
        """Go on. Whoever resumes answers for it. 409 while it cools down after a rollback."""
        return self.changed(request, ramps.resume)


class SkipWaitOfRamp(ChangeRamp):
    rights: ClassVar = {"POST": Right.FLIP}

    @described(request=RampChangeSerializer, answers={200: RampSerializer}, also=(409,))
    def post(self, request: Request, pk: int) -> Response:
        """Let the rest of the soak be. Evidence, hours and freezes are asked all the same."""
        return self.changed(request, ramps.skip_wait)


class StopRamp(ChangeRamp):
    rights: ClassVar = {"POST": Right.ROLL_BACK}

    @described(request=RampChangeSerializer, answers={200: RampSerializer}, also=(409,))
    def post(self, request: Request, pk: int) -> Response:
        """End it for good. The unit stays where it is, and the guard goes on watching."""
        return self.changed(request, ramps.stop)
