"""Removal with proof: what may be deleted, where code still refers to legacy, what was torn down."""

from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.models import Scope, Token
from migrator.access.rights import Actor, Right
from migrator.api.authentication import ReportingAuthentication, SessionAuthentication
from migrator.api.base import ProjectView, UnitView, acting
from migrator.api.parsing import LargeStrictJSON
from migrator.api.schema import described, listed
from migrator.api.serializers.removal import (
    ChecklistSerializer,
    NewScanSerializer,
    RemovalCaseSerializer,
    RepositorySerializer,
    ScanSerializer,
    TearDownBodySerializer,
    WantedUnitSerializer,
)
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.inventory.services import Invalid
from migrator.removal.models import Reopening, Repository, Scan
from migrator.removal.naming import fingerprint_of
from migrator.removal.queries import cases_of, why_reopened
from migrator.removal.services import Findings, Sight, report_scan, save_repository, tick

EVERYTHING = OpenApiParameter("all", bool, description="Every unit that is tracked, not only those in removal.")


@listed(RemovalCaseSerializer)
class Removals(ProjectView, generics.ListAPIView[Unit]):
    """The units in removal, and removed ones that something returned to, with what is proven of each."""

    queryset = Unit.objects.tracked()
    serializer_class = RemovalCaseSerializer
    page_order = ("key",)

    def get_queryset(self) -> QuerySet[Unit]:
        returned = Exists(Reopening.objects.standing().filter(unit=OuterRef("pk")))
        found: QuerySet[Unit] = super().get_queryset().filter(Q(stage=Stage.REMOVAL) | returned)
        return found

    def get(self, request: Request, slug: str) -> Response:
        page = list(self.paginate_queryset(self.get_queryset()) or [])
        cases, why = cases_of(units=page, now=timezone.now()), why_reopened(units=page)
        shown = RemovalCaseSerializer(cases.values(), many=True, context={"reopened": why})
        return self.get_paginated_response(shown.data)


class TearDown(UnitView):
    """What is torn down of a unit."""

    queryset = UnitView.units
    serializer_class = ChecklistSerializer
    rights: ClassVar = {"POST": Right.EDIT}

    @described(answers={200: ChecklistSerializer})
    def get(self, request: Request, pk: int) -> Response:
        """Its proof, and what a person must still say."""
        return Response(checklist_json(self.unit))

    @described(request=TearDownBodySerializer, answers={200: ChecklistSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Say that something is gone, with your name under it. Repeating it is harmless."""
        body = TearDownBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        tick(unit=self.unit, what=wanted["what"], done=wanted["done"], actor=self.actor, now=timezone.now())
        return Response(checklist_json(self.unit))


def checklist_json(unit: Unit) -> Any:
    return ChecklistSerializer(cases_of(units=[unit], now=timezone.now())[unit.pk]).data


@listed(RepositorySerializer)
class Repositories(ProjectView, generics.ListAPIView[Repository]):
    """The repositories that removal waits for."""

    queryset = Repository.objects.all()
    serializer_class = RepositorySerializer
    page_order = ("name",)
    rights: ClassVar = {"POST": Right.EDIT}

    @described(request=RepositorySerializer, answers={201: RepositorySerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Register a repository, or change what is said of it."""
        body = RepositorySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        saved = save_repository(project=self.project, actor=self.actor, now=timezone.now(), **body.validated_data)
        return Response(RepositorySerializer(saved).data, status=status.HTTP_201_CREATED)


class ReportingView(ProjectView):
    """Open to tokens of the scope ingest too: a scan reports what it saw, and can move nothing."""

    authentication_classes = (ReportingAuthentication, SessionAuthentication)

    @cached_property
    def actor(self) -> Actor:
        actor = acting(self.request, self.project)
        if isinstance(self.request.auth, Token) and self.request.auth.scope == Scope.INGEST:
            return replace(actor, rights=frozenset({Right.SEE, Right.EDIT}))
        return actor


class Scans(ReportingView, generics.ListAPIView[Scan]):
    """What was looked through, newest first."""

    queryset = Scan.objects.select_related("repository").defer("looked_for")
    serializer_class = ScanSerializer
    page_order = ("-id",)
    parser_classes = (LargeStrictJSON,)
    rights: ClassVar = {"POST": Right.EDIT}

    def get_queryset(self) -> QuerySet[Scan]:
        return Scan.objects.filter(repository__project=self.project).select_related("repository").defer("looked_for")

    @described(answers={200: ScanSerializer(many=True)})
    def get(self, request: Request, slug: str) -> Response:
        """The scans of all repositories."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(ScanSerializer(page, many=True).data)

    @described(request=NewScanSerializer, answers={201: ScanSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Report a scan: `python -m migrator.sdk.references` does."""
        body = NewScanSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        told = dict(body.validated_data)
        repository = self._repository(told.pop("repository"))
        told["branch"] = told["branch"] or repository.branch
        told["references"] = [
            Sight(unit=each.pop("unit_id"), **{name: each[name] for name in ("path", "line", "excerpt", "alias")})
            for each in told["references"]
        ]
        scan = report_scan(repository=repository, findings=Findings(**told), actor=self.actor, now=timezone.now())
        return Response(ScanSerializer(scan).data, status=status.HTTP_201_CREATED)

    def _repository(self, name: str) -> Repository:
        found = Repository.objects.filter(project=self.project, name=name).select_related("project").first()
        if found is None:
            names = ", ".join(Repository.objects.filter(project=self.project).values_list("name", flat=True)[:20])
            there_are = f"It has: {names}." if names else "Register it first."
            raise Invalid("repository", f"{self.project} has no repository {name[:40]!r}. {there_are}")
        return found


class WantedUnits(ReportingView, generics.ListAPIView[Unit]):
    """What a scan looks for."""

    queryset = Unit.objects.tracked()
    serializer_class = WantedUnitSerializer
    page_order = ("id",)

    @described(answers={200: WantedUnitSerializer(many=True)}, parameters=(EVERYTHING,))
    def get(self, request: Request, slug: str) -> Response:
        """Keys and aliases of the units in removal and removed, or of all units."""
        everything = request.query_params.get("all", "").lower() in ("true", "1")
        units = Unit.objects.tracked().filter(project=self.project)
        if not everything:
            units = units.filter(stage__in=[Stage.REMOVAL, Stage.REMOVED])
        page = self.paginate_queryset(units) or []
        shown = WantedUnitSerializer(page, many=True, context={"fingerprint": fingerprint_of})
        return self.get_paginated_response(shown.data)
