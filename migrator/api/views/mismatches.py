"""Causes of mismatches over all units: found, told in full, settled, exported."""

import base64
import binascii
import csv
import io
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Final

import msgspec
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError
from rest_framework.utils.urls import replace_query_param

from migrator.access.rights import Right
from migrator.api.base import ProjectView, projects_seen
from migrator.api.lookups import person_named
from migrator.api.pagination import CursorPages
from migrator.api.schema import CURSOR, PAGE_SIZE, described
from migrator.api.serializers.mismatches import (
    ME,
    NOBODY,
    CauseChangeSerializer,
    CauseDetailSerializer,
    CauseSerializer,
    CausesSerializer,
    KindredListSerializer,
    SettledSerializer,
    SettlementSerializer,
    SuggestionSerializer,
    WantedSerializer,
    cause_json,
    suggestion_json,
)
from migrator.api.serializers.rules import draft_of
from migrator.inventory.models import Project
from migrator.observations import settling
from migrator.observations.models import MismatchGroup, Rule
from migrator.observations.queries import (
    CauseRow,
    Mark,
    Wanted,
    cause,
    causes_across_units,
    mismatches,
    rows_of,
    rule_figures,
    suggestions,
)
from migrator.observations.queries.causes import members_of

EXPORT_PAGE: Final = 500
COLUMNS: Final = tuple(field.name for field in fields(CauseRow) if field.name != "members")


class MismatchesView(ProjectView):
    """A view of the causes that query parameters ask for."""

    queryset = MismatchGroup.objects.all()

    def wanted(self) -> Wanted:
        """Raises ValidationError for what is no filter, and Invalid for a user who is not there."""
        query = WantedSerializer(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        name = query.validated_data.get("assignee")
        if name in (None, NOBODY):
            return query.wanted(assignee_id=None)
        if name == ME:
            return query.wanted(assignee_id=self.request.user.pk or 0)
        return query.wanted(assignee_id=person_named(self.project, name).pk)


class Mismatches(MismatchesView):
    """The causes of a project."""

    serializer_class = CausesSerializer

    @described(answers={200: CausesSerializer}, parameters=(WantedSerializer, CURSOR, PAGE_SIZE))
    def get(self, request: Request, slug: str) -> Response:
        """Causes over all units, news first: new, back, or escalated lately."""
        size = CursorPages().get_page_size(request)
        found = mismatches(project=self.project, wanted=self.wanted(), after=_mark(request), limit=size + 1)
        address = request.build_absolute_uri()
        following = replace_query_param(address, "cursor", _cursor(found[size - 1])) if len(found) > size else None
        answer = {"next": following, "previous": None, "results": found[:size]}
        return Response(CausesSerializer(answer).data)


class Kindred(MismatchesView):
    """Causes that several units share."""

    serializer_class = KindredListSerializer

    @described(answers={200: KindredListSerializer})
    def get(self, request: Request, slug: str) -> Response:
        """What happens to the same name in several units, such as every `created_at`; most units first."""
        return Response(KindredListSerializer({"results": causes_across_units(project=self.project)}).data)


class AnyFormat(BaseContentNegotiation):
    """`format` is a parameter of the export, not a choice of renderer."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Export(MismatchesView):
    """The causes of a project as a file."""

    serializer_class = CausesSerializer
    content_negotiation_class = AnyFormat

    @described(
        answers={(200, "text/csv"): OpenApiTypes.STR, (200, "application/x-ndjson"): OpenApiTypes.STR},
        parameters=(WantedSerializer, OpenApiParameter("format", str, enum=["csv", "ndjson"])),
    )
    def get(self, request: Request, slug: str) -> StreamingHttpResponse:
        """All causes that are asked for, streamed: one line each."""
        chosen = request.query_params.get("format", "csv")
        if chosen not in _FORMATS:
            raise ValidationError({"format": f"format is one of {', '.join(_FORMATS)}; not {chosen[:20]!r}."})
        media_type, write = _FORMATS[chosen]
        answer = StreamingHttpResponse(write(_all(self.project, self.wanted())), content_type=media_type)
        answer["Content-Disposition"] = f'attachment; filename="mismatches-{self.project.slug}.{chosen}"'
        return answer


class GroupView(ProjectView):
    """A view below `/groups/{id}/`."""

    queryset = MismatchGroup.objects.all()

    @cached_property
    def group(self) -> MismatchGroup:
        found = MismatchGroup.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        group = found.select_related("project", "unit").first()
        if group is None:
            raise NotFound(f"There is no mismatch group {self.kwargs['pk']} that you may see.")
        return group

    @cached_property
    def project(self) -> Project:
        return self.group.project

    def told(self) -> Response:
        fresh = MismatchGroup.objects.select_related("project", "unit").get(pk=self.group.pk)
        return Response(CauseDetailSerializer(cause_json(cause(group=fresh))).data)


class OneGroup(GroupView):
    """One cause."""

    serializer_class = CauseDetailSerializer
    rights: ClassVar = {"PATCH": Right.EDIT}

    @described(answers={200: CauseDetailSerializer})
    def get(self, request: Request, pk: int) -> Response:
        """Everything that is known of a cause: who met it and when, samples, notes, and what it comes from."""
        return self.told()

    @described(request=CauseChangeSerializer, answers={200: CauseDetailSerializer})
    def patch(self, request: Request, pk: int) -> Response:
        """Give it to somebody, say something about it, or open it again."""
        body = CauseChangeSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        data, now = body.validated_data, timezone.now()
        settling.change(group=self.group, actor=self.actor, now=now, **_changes(self.project, data))
        return self.told()


class SettleGroup(GroupView):
    """Say what a cause is."""

    serializer_class = SettledSerializer
    rights: ClassVar = {"POST": Right.EDIT}

    @described(request=SettlementSerializer, answers={200: SettledSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Noise, a race, accepted, a bug, or archived. `accepted` makes a rule itself where none is given."""
        body = SettlementSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data, now = body.validated_data, timezone.now()
        rule = data.get("rule")
        made = settling.settle(
            group=self.group,
            settled_as=data["as"],
            actor=self.actor,
            text=data["note"],
            rule=None if rule is None else draft_of(self.project, {"unit": self.group.unit_id} | rule),
            expires_at=data.get("expires_at"),
            now=now,
        )
        rules = rule_figures(Rule.objects.filter(pk__in=[each.pk for each in made]), now=now)
        row = rows_of(members_of(MismatchGroup.objects.get(pk=self.group.pk))[:1])[0]
        return Response(SettledSerializer({"group": row, "rules": rules}).data)


class SuggestForGroup(GroupView):
    """What would settle a cause."""

    serializer_class = SuggestionSerializer

    @described(answers={200: SuggestionSerializer(many=True)})
    def get(self, request: Request, pk: int) -> Response:
        """Rules that would explain its samples, the narrowest first, each with what it would hide."""
        found = suggestions(group=self.group, now=timezone.now())
        return Response(SuggestionSerializer([suggestion_json(each) for each in found], many=True).data)


def _changes(project: Project, data: Any) -> dict[str, Any]:
    named: dict[str, Any] = {"note": data.get("note"), "reopened": "status" in data}
    if "assignee" in data:
        name = data["assignee"]
        named["assignee"] = None if name is None else person_named(project, name)
    return named


def _all(project: Project, wanted: Wanted) -> Iterator[CauseRow]:
    mark = None
    while True:
        page = mismatches(project=project, wanted=wanted, after=mark, limit=EXPORT_PAGE)
        yield from page
        if len(page) < EXPORT_PAGE:
            return
        mark = Mark(page[-1].raised_at, page[-1].id)


def _as_csv(rows: Iterator[CauseRow]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    for cells in _cells(rows):
        writer.writerow(cells)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _cells(rows: Iterator[CauseRow]) -> Iterator[list[Any]]:
    yield [*COLUMNS, "paths"]
    for row in rows:
        values = (getattr(row, name) for name in COLUMNS)
        paths = " ".join(member.path for member in row.members)
        yield [_harmless(value.isoformat() if isinstance(value, datetime) else value) for value in (*values, paths)]


def _harmless(cell: Any) -> Any:
    """Spreadsheets take a text that begins like this for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _as_ndjson(rows: Iterator[CauseRow]) -> Iterator[str]:
    for row in rows:
        yield msgspec.json.encode(CauseSerializer(row).data).decode() + "\n"


_FORMATS: Final = {"csv": ("text/csv; charset=utf-8", _as_csv), "ndjson": ("application/x-ndjson", _as_ndjson)}


def _cursor(row: CauseRow) -> str:
    return base64.urlsafe_b64encode(f"{row.raised_at.isoformat()} {row.id}".encode()).decode()


def _mark(request: Request) -> Mark | None:
    """Where the page begins. Raises NotFound for what is no cursor of ours."""
    given = request.query_params.get("cursor")
    if not given:
        return None
    try:
        at, _, number = base64.urlsafe_b64decode(given.encode()).decode().partition(" ")
        moment, pk = datetime.fromisoformat(at), int(number)
        if moment.tzinfo is None or not 0 < pk < 2**63:
            raise ValueError(given)
    except (ValueError, binascii.Error):
        raise NotFound("Invalid cursor") from None
    return Mark(moment, pk)
