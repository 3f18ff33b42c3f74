"""Phases with their units, milestones and baselines."""

from functools import cached_property
from typing import Any, ClassVar

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView, projects_seen
from migrator.api.lookups import phase_named, service_named, team_named
from migrator.api.schema import described, listed
from migrator.api.serializers.planning_scope import (
    AssignedSerializer,
    AssignSerializer,
    BaselineSerializer,
    MilestoneSerializer,
    PhaseSerializer,
)
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.planning import services
from migrator.planning.changes import change_milestone, change_phase
from migrator.planning.models import Baseline, Milestone, Phase

COUNTED = Phase.objects.annotate(
    units=Count("members", filter=Q(members__removed_at__isnull=True, members__unit__gone_at__isnull=True))
)


@listed(PhaseSerializer)
class Phases(ProjectView, generics.ListAPIView[Phase]):
    """The phases of a project, in their order."""

    queryset = COUNTED
    serializer_class = PhaseSerializer
    page_order = ("position", "id")
    rights: ClassVar = {"POST": Right.MANAGE}

    @described(request=PhaseSerializer, answers={201: PhaseSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Add a phase; its units come with POST /phases/{id}/units/."""
        body = PhaseSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        phase = services.save_phase(project=self.project, actor=self.actor, now=timezone.now(), **body.validated_data)
        return Response(phase_json(phase), status=status.HTTP_201_CREATED)


class PhaseView(ProjectView):
    """A view below `/phases/{id}/`."""

    queryset = Phase.objects.all()

    @cached_property
    def phase(self) -> Phase:
        found = Phase.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        phase = found.select_related("project").first()
        if phase is None:
            raise NotFound(f"There is no phase {self.kwargs['pk']} that you may see.")
        return phase

    @cached_property
    def project(self) -> Project:
        return self.phase.project


class OnePhase(PhaseView):
    """One phase."""

    serializer_class = PhaseSerializer
    rights: ClassVar = {"PATCH": Right.MANAGE, "DELETE": Right.MANAGE}

    @described(answers={200: PhaseSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return Response(phase_json(self.phase))

    @described(request=PhaseSerializer(partial=True), answers={200: PhaseSerializer})
    def patch(self, request: Request, pk: int) -> Response:
        """Change its name, deadline, order, or what is done there. What is left out stays."""
        body = PhaseSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        changes = dict(body.validated_data)
        why = changes.pop("reason", "")
        phase = change_phase(phase=self.phase, actor=self.actor, now=timezone.now(), changes=changes, reason=why)
        return Response(phase_json(phase))

    @described(request=None, answers={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Take it out of the plan, with its milestones and baselines. Its units stay, in no phase."""
        services.remove_phase(phase=self.phase, actor=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class PhaseUnits(PhaseView):
    """Which units are a phase's."""

    serializer_class = AssignedSerializer
    rights: ClassVar = {"POST": Right.MANAGE}

    @described(request=AssignSerializer, answers={200: AssignedSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Put units into the phase, or take them out. A unit is in one phase: it leaves the one before.

        Endpoints that are named by id take their fields along, but for those in another phase than their endpoint's:
        somebody put them there. A filter means what it finds and nothing else.
        """
        body = AssignSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        chosen = self.members(wanted.get("units"), body) if wanted["take_out"] else wanted.get("units")
        done = services.assign(
            project=self.project,
            phase=None if wanted["take_out"] else self.phase,
            wanted=None if chosen is not None else body.wanted,
            unit_ids=chosen,
            fields_follow="units" in wanted,
            actor=self.actor,
            now=timezone.now(),
            reason=wanted["reason"],
        )
        return Response(AssignedSerializer(done).data)

    def members(self, named: list[int] | None, body: AssignSerializer) -> list[int]:
        """Of the units that are meant, those in this phase: taking out of a phase leaves the others alone."""
        meant: QuerySet[Unit] = Unit.objects.tracked().filter(project=self.project)
        meant = meant.filter(body.wanted.as_query()) if named is None else meant.filter(pk__in=named)
        here = meant.filter(phases__phase=self.phase, phases__removed_at__isnull=True)
        found = list(here.order_by().values_list("pk", flat=True))
        if not found:
            raise Invalid("units", f"None of these units is in {self.phase}.")
        return found


@listed(MilestoneSerializer)
class Milestones(ProjectView, generics.ListAPIView[Milestone]):
    """The mini-deadlines of a project. GET /projects/{slug}/outlook/ says how likely each is kept."""

    queryset = Milestone.objects.select_related("phase", "service", "team")
    serializer_class = MilestoneSerializer
    page_order = ("id",)
    rights: ClassVar = {"POST": Right.MANAGE}

    @described(request=MilestoneSerializer, answers={201: MilestoneSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Say by when something is done."""
        body = MilestoneSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        columns = milestone_columns(self.project, body.validated_data)
        made = services.set_milestone(project=self.project, actor=self.actor, now=timezone.now(), **columns)
        return Response(MilestoneSerializer(made).data, status=status.HTTP_201_CREATED)


class OneMilestone(ProjectView):
    """One mini-deadline."""

    queryset = Milestone.objects.all()
    serializer_class = MilestoneSerializer
    rights: ClassVar = {"PATCH": Right.MANAGE, "DELETE": Right.MANAGE}

    @cached_property
    def milestone(self) -> Milestone:
        found = Milestone.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        milestone = found.select_related("project", "phase", "service", "team").first()
        if milestone is None:
            raise NotFound(f"There is no milestone {self.kwargs['pk']} that you may see.")
        return milestone

    @cached_property
    def project(self) -> Project:
        return self.milestone.project

    @described(request=MilestoneSerializer(partial=True), answers={200: MilestoneSerializer})
    def patch(self, request: Request, pk: int) -> Response:
        """Change it. What is left out stays."""
        body = MilestoneSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        changes = milestone_columns(self.project, body.validated_data)
        why = changes.pop("reason", "")
        saved = change_milestone(
            milestone=self.milestone, actor=self.actor, now=timezone.now(), changes=changes, reason=why
        )
        return Response(MilestoneSerializer(saved).data)

    @described(request=None, answers={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Take it back."""
        services.remove_milestone(milestone=self.milestone, actor=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


@listed(BaselineSerializer)
class Baselines(ProjectView, generics.ListAPIView[Baseline]):
    """What was promised, newest first."""

    queryset = Baseline.objects.select_related("phase")
    serializer_class = BaselineSerializer
    page_order = ("-id",)
    rights: ClassVar = {"POST": Right.MANAGE}

    @described(request=BaselineSerializer, answers={201: BaselineSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Promise what stands now: scope, deadline and forecast. A second baseline says why."""
        body = BaselineSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        name = body.validated_data["phase"]["name"]
        made = services.set_baseline(
            project=self.project,
            phase=None if name is None else phase_named(self.project, name),
            reason=body.validated_data["reason"],
            actor=self.actor,
            now=timezone.now(),
        )
        return Response(BaselineSerializer(made).data, status=status.HTTP_201_CREATED)


def phase_json(phase: Phase) -> object:
    return PhaseSerializer(COUNTED.get(pk=phase.pk)).data


def milestone_columns(project: Project, data: dict[str, Any]) -> dict[str, Any]:
    """A milestone's validated body with names replaced by rows. Raises Invalid."""
    columns = dict(data)
    for part, named in (("phase", phase_named), ("service", service_named), ("team", team_named)):
        if part in data:
            name = data[part]["name"]
            columns[part] = None if name is None else named(project, name)
    return columns
