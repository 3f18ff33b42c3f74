"""What was observed of a unit, and what it amounts to."""

from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from migrator.api.base import UnitView
from migrator.api.pagination import CursorPages
from migrator.api.schema import CURSOR, PAGE_SIZE, described
from migrator.api.serializers.evidence import (
    USUAL_SPAN,
    EvidenceSerializer,
    MismatchesSerializer,
    SeriesQuerySerializer,
    SeriesSerializer,
    SpanQuerySerializer,
    evidence_json,
    group_json,
)
from migrator.gates.queries import judgements
from migrator.inventory.services import Invalid
from migrator.observations.queries import TooManyPoints, evidence_between, groups, series, usual_step


class UnitEvidence(UnitView):
    """Evidence of one unit."""

    queryset = UnitView.units
    serializer_class = EvidenceSerializer

    @described(answers={200: EvidenceSerializer}, parameters=(SpanQuerySerializer,))
    def get(self, request: Request, pk: int) -> Response:
        """Counts, rate with its bound, completeness, latency of both sides, and the verdict with its gates."""
        query = SpanQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        now = timezone.now()
        judgement = judgements(units=[self.unit], now=now)[self.unit.pk]
        span = query.span(now=now)
        evidence = judgement.evidence
        if span is not None:
            evidence = evidence_between(unit=self.unit, start=span[0], end=span[1], now=now)
        return Response(EvidenceSerializer(evidence_json(self.unit, judgement, evidence)).data)


class UnitSeries(UnitView):
    """One figure of a unit over time."""

    queryset = UnitView.units
    serializer_class = SeriesSerializer

    @described(answers={200: SeriesSerializer}, parameters=(SeriesQuerySerializer,))
    def get(self, request: Request, pk: int) -> Response:
        """A point for every step; the last day where no time is named."""
        query = SeriesQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        now = timezone.now()
        start, end = query.span(now=now) or (now - USUAL_SPAN, now)
        metric = query.validated_data["metric"]
        step = query.validated_data.get("step") or usual_step(start=start, end=end, now=now)
        try:
            points = series(unit=self.unit, metric=metric, start=start, end=end, step_s=step)
        except TooManyPoints as error:
            raise Invalid("step", str(error)) from None
        answer = {"unit": self.unit.pk, "metric": metric, "step": step, "points": points}
        return Response(SeriesSerializer(answer).data)


class UnitMismatches(UnitView):
    """In what the two answers differ."""

    queryset = UnitView.units
    serializer_class = MismatchesSerializer

    @described(answers={200: MismatchesSerializer}, parameters=(CURSOR, PAGE_SIZE))
    def get(self, request: Request, pk: int) -> Response:
        """Mismatch groups with samples, those of the present evidence first, the most frequent first."""
        size = CursorPages().get_page_size(request)
        before = _groups_before(request)
        found = groups(unit=self.unit, limit=before + size + 1)[before:]
        address = request.build_absolute_uri()
        answer = {
            "next": replace_query_param(address, "cursor", before + size) if len(found) > size else None,
            "previous": _previous(address, before=before, size=size),
            "results": [group_json(group) for group in found[:size]],
        }
        return Response(MismatchesSerializer(answer).data)


def _groups_before(request: Request) -> int:
    """A cursor here is the number of groups before it: they are ranked, and few. Raises NotFound."""
    cursor = request.query_params.get("cursor", "0")
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 6:
        raise NotFound("Invalid cursor")
    return int(cursor)


def _previous(address: str, *, before: int, size: int) -> str | None:
    if not before:
        return None
    at = max(0, before - size)
    return replace_query_param(address, "cursor", at) if at else remove_query_param(address, "cursor")
