"""Projects, their services and teams, and the builds that their pipelines announce."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import generics, status
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.models import Scope, Token
from migrator.access.rights import Right
from migrator.api.base import ProjectView, projects_seen
from migrator.api.lookups import service_named
from migrator.api.schema import described, listed
from migrator.api.serializers.projects import (
    DeploySerializer,
    ProjectChangeSerializer,
    ProjectSerializer,
    ServiceChangeSerializer,
    ServiceSerializer,
    TeamSerializer,
)
from migrator.inventory.models import Deploy, Project, Service, Team
from migrator.inventory.services import (
    Invalid,
    create_project,
    create_team,
    save_service,
)
from migrator.ledger import changes


def may_create_projects(request: Request) -> bool:
    """A project is nobody's before it exists, so no role in a project can make one."""
    if isinstance(request.auth, Token):
        return request.auth.scope == Scope.ADMIN and request.auth.project_id is None
    return bool(request.user.is_superuser)


@listed(ProjectSerializer)
class Projects(generics.ListAPIView[Project]):
    """The migration programmes that the caller may see."""

    serializer_class = ProjectSerializer
    queryset = Project.objects.all()
    page_order = ("slug",)

    def get_queryset(self) -> QuerySet[Project]:
        return projects_seen(self.request)

    @described(request=ProjectSerializer, answers={201: ProjectSerializer})
    def post(self, request: Request) -> Response:
        """Start a migration programme. Needs an admin token without a project, or a superuser."""
        if not may_create_projects(request):
            raise PermissionDenied("Projects are made with an admin token that has no project, or by a superuser.")
        body = ProjectSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        project = create_project(**body.validated_data, now=timezone.now())
        return Response(ProjectSerializer(project).data, status=status.HTTP_201_CREATED)


class OneProject(ProjectView):
    """One migration programme."""

    queryset = Project.objects.all()
    serializer_class = ProjectSerializer
    rights: ClassVar = {"PATCH": Right.MANAGE}

    @described(answers={200: ProjectSerializer})
    def get(self, request: Request, slug: str) -> Response:
        return Response(ProjectSerializer(self.project).data)

    @described(request=ProjectChangeSerializer, answers={200: ProjectSerializer})
    def patch(self, request: Request, slug: str) -> Response:
        """Change names, deadline, manners or policy; data planes hear of it."""
        body = ProjectChangeSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        changed = changes.settings(project=self.project, actor=self.actor, now=timezone.now(), **body.validated_data)
        return Response(ProjectSerializer(changed).data)


@listed(ServiceSerializer)
class Services(ProjectView, generics.ListAPIView[Service]):
    """The pairs of services of a project."""

    queryset = Service.objects.all()
    serializer_class = ServiceSerializer
    page_order = ("name",)
    rights: ClassVar = {"POST": Right.EDIT}

    @described(request=ServiceSerializer, answers={201: ServiceSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Name a pair of services with their two addresses."""
        body = ServiceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        name = body.validated_data["name"]
        if self.project.services.filter(name=name).exists():
            raise Invalid("name", f"{self.project} has a service {name} already. PATCH it to change it.")
        service = save_service(project=self.project, **body.validated_data)
        return Response(ServiceSerializer(service).data, status=status.HTTP_201_CREATED)


class OneService(ProjectView):
    """One pair of services."""

    queryset = Service.objects.all()
    serializer_class = ServiceSerializer
    rights: ClassVar = {"PATCH": Right.EDIT}

    def get_service(self) -> Service:
        found = self.get_queryset().filter(pk=self.kwargs["pk"]).first()
        if not isinstance(found, Service):
            raise NotFound(f"{self.project} has no service with the id {self.kwargs['pk']}.")
        return found

    @described(answers={200: ServiceSerializer})
    def get(self, request: Request, slug: str, pk: int) -> Response:
        return Response(ServiceSerializer(self.get_service()).data)

    @described(request=ServiceChangeSerializer, answers={200: ServiceSerializer})
    def patch(self, request: Request, slug: str, pk: int) -> Response:
        """Change addresses, timeouts or its runbook; data planes hear of it, and the ledger keeps it."""
        body = ServiceChangeSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        changed = changes.service(
            project=self.project,
            name=self.get_service().name,
            actor=self.actor,
            now=timezone.now(),
            right=Right.EDIT,
            **body.validated_data,
        )
        return Response(ServiceSerializer(changed).data)


@listed(TeamSerializer)
class Teams(ProjectView, generics.ListAPIView[Team]):
    """The teams of a project."""

    queryset = Team.objects.all()
    serializer_class = TeamSerializer
    page_order = ("name",)
    rights: ClassVar = {"POST": Right.EDIT}

    @described(request=TeamSerializer, answers={201: TeamSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Name a team."""
        body = TeamSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        team = create_team(project=self.project, name=body.validated_data["name"])
        return Response(TeamSerializer(team).data, status=status.HTTP_201_CREATED)


@listed(DeploySerializer)
class Deploys(ProjectView, generics.ListAPIView[Deploy]):
    """The builds that replaced one side of a service, newest first."""

    queryset = Deploy.objects.select_related("service")
    serializer_class = DeploySerializer
    page_order = ("-id",)
    rights: ClassVar = {"POST": Right.EDIT}

    def get_queryset(self) -> QuerySet[Any]:
        return Deploy.objects.select_related("service").filter(service__project=self.project)

    @described(request=DeploySerializer, answers={201: DeploySerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Tell that one side runs another build: its evidence starts afresh."""
        body = DeploySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        service = service_named(self.project, data["service"]["name"])
        deploy = changes.deploy(
            service=service, side=data["side"], build=data["build"], actor=self.actor, now=timezone.now()
        )
        return Response(DeploySerializer(deploy).data, status=status.HTTP_201_CREATED)
