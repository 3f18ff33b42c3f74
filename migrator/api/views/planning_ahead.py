"""What lies ahead: how today's plan ends, what another one would bring, and how good forecasts were."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.api.base import ProjectView
from migrator.api.lookups import phase_named
from migrator.api.schema import described
from migrator.api.serializers.planning import BurndownQuerySerializer, dates_json
from migrator.api.serializers.planning_ahead import (
    ForecastRecordSerializer,
    OutlookQuerySerializer,
    OutlookSerializer,
    PinsSerializer,
    PlanQuerySerializer,
    WhatIfRequestSerializer,
    WhatIfSerializer,
    end_json,
    ranked_json,
)
from migrator.core.forecast import Forecast
from migrator.core.queues import Cycle
from migrator.core.what_if import Impossible, best_moves
from migrator.inventory.models import Project
from migrator.inventory.services import Invalid
from migrator.planning.queries import Slice, compare, events, if_shared, promises, record, scope_changes, standing

NO_END: Final = dict.fromkeys(("p50", "p85", "p95", "deadline", "chance")) | {"teams": [], "critical_path": []}


@contextmanager
def in_words() -> Iterator[None]:
    """What a plan refuses, as an error of input."""
    try:
        yield
    except Impossible as impossible:
        raise Invalid(impossible.field, impossible.message) from None
    except Cycle as cycle:
        raise Invalid("dependencies", f"{cycle} Take one of them out first.") from None


class PlanOutlook(ProjectView):
    """How today's plan ends."""

    queryset = Project.objects.all()
    serializer_class = OutlookSerializer

    @described(answers={200: OutlookSerializer}, parameters=(OutlookQuerySerializer,))
    def get(self, request: Request, slug: str) -> Response:
        """Teams with their mini-deadlines, the critical path, what was promised, and the moves that help most."""
        query = OutlookQuerySerializer(data=request.query_params, context={"project": self.project})
        query.is_valid(raise_exception=True)
        now = timezone.now()
        answer = self.ahead(query, now) | {"promises": promises(project=self.project, now=now)}
        return Response(OutlookSerializer(answer).data)

    def ahead(self, query: OutlookQuerySerializer, now: datetime) -> dict[str, Any]:
        try:
            seen = standing(project=self.project, now=now, **query.asked)
        except Cycle as ring:
            return NO_END | {"best_moves": [], "if_shared": None, "lent": [], "ring": str(ring)}
        people = query.validated_data["people"]
        best = best_moves(plan=seen.plan, today=now.date(), target=seen.deadline, people=people)
        end = end_json(seen.outlook, deadline=seen.deadline, people=seen.plan.people)
        ranked = [ranked_json(each) for each in best]
        shared = self.shared(query, now) if len(seen.plan.teams) > 1 else None
        told = {
            "if_shared": dates_json(shared, deadline=seen.deadline) if shared else None,
            "lent": sorted(seen.plan.lent),
        }
        return end | told | {"best_moves": ranked, "ring": ""}

    def shared(self, query: OutlookQuerySerializer, now: datetime) -> Forecast | None:
        asked = dict(query.asked)
        return if_shared(project=self.project, now=now, units=Slice(phase=asked.pop("phase")), **asked)


class WhatIf(ProjectView):
    """What if people moved, scope were cut, or the deadline shifted?"""

    queryset = Project.objects.all()
    serializer_class = WhatIfSerializer

    @described(request=WhatIfRequestSerializer, answers={200: WhatIfSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """The answer beside today's. Nothing is changed."""
        body = WhatIfRequestSerializer(data=request.data, context={"project": self.project})
        body.is_valid(raise_exception=True)
        now = timezone.now()
        with in_words():
            found = compare(
                project=self.project,
                now=now,
                wish=body.wish,
                deadline=body.validated_data["deadline"],
                **body.asked,
            )
        p85 = found.today.p85, found.then.p85
        answer = {
            "today": end_json(found.today, deadline=found.deadline_today, people=found.plan_today.people),
            "then": end_json(found.then, deadline=found.deadline, people=found.plan_then.people),
            "gained_days": (p85[0] - p85[1]).days if p85[0] and p85[1] else None,
        }
        return Response(WhatIfSerializer(answer).data)


class Forecasts(ProjectView):
    """How good forecasts were."""

    queryset = Project.objects.all()
    serializer_class = ForecastRecordSerializer

    @described(answers={200: ForecastRecordSerializer}, parameters=(PlanQuerySerializer,))
    def get(self, request: Request, slug: str) -> Response:
        """What was forecast each day, of the project or of one phase, held against what came."""
        query = PlanQuerySerializer(data=request.query_params, context={"project": self.project})
        query.is_valid(raise_exception=True)
        name = query.validated_data["phase"]
        phase = phase_named(self.project, name) if name else None
        found = record(project=self.project, now=timezone.now(), phase=phase)
        told = {"ended": found.ended, "judged": len(found.judged), "coverage": found.coverage, "kept": found.kept}
        return Response(ForecastRecordSerializer(told).data)


class Pins(ProjectView):
    """What stands along the time axis of the burndown."""

    queryset = Project.objects.all()
    serializer_class = PinsSerializer

    @described(answers={200: PinsSerializer}, parameters=(BurndownQuerySerializer,))
    def get(self, request: Request, slug: str) -> Response:
        """Changes of scope with who and why, of these units; and what happened in the project."""
        query = BurndownQuerySerializer(data=request.query_params, context={"project": self.project})
        query.is_valid(raise_exception=True)
        now = timezone.now()
        span = {"since": now - timedelta(days=query.validated_data["days"]), "until": now + timedelta(seconds=1)}
        scope = scope_changes(project=self.project, units=query.of_units(), **span)
        return Response(PinsSerializer({"scope": scope, "events": events(project=self.project, **span)}).data)
