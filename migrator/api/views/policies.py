"""What is demanded of evidence and of people: policies in layers, and waivers of single gates."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import msgspec
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView, UnitView, projects_seen
from migrator.api.schema import ASK, described
from migrator.api.serializers.people import ApprovalSerializer
from migrator.api.serializers.policies import (
    LayersSerializer,
    LayerWithFlawsSerializer,
    NewLayerSerializer,
    NewWaiverSerializer,
    PolicyChangeSerializer,
    ProjectPolicySerializer,
    RemovalSerializer,
    UnitPolicySerializer,
    WaiverRevocationSerializer,
    WaiverSerializer,
    WaiversSerializer,
    layer_json,
    unit_policy_json,
    waiver_page,
)
from migrator.core.policy import SETTINGS, layered
from migrator.gates.flaws import flaws_of, flaws_of_unit
from migrator.gates.layers import LayerKind, effective, layer_of, layers_in, own_layer
from migrator.gates.models import PolicyLayer, Waiver
from migrator.gates.services import (
    Changed,
    StalePolicy,
    Target,
    change_project_policy,
    remove_layer,
    set_layer,
    target_of,
)
from migrator.gates.waivers import revoke, shown, sign, waivers_of
from migrator.inventory.models import Project
from migrator.inventory.services import Invalid


class ProjectPolicy(ProjectView):
    """What a project demands before any layer."""

    queryset = Project.objects.all()
    serializer_class = ProjectPolicySerializer
    rights: ClassVar = {"PATCH": Right.MANAGE}

    @described(answers={200: ProjectPolicySerializer})
    def get(self, request: Request, slug: str) -> Response:
        """The settings that the project makes, and all that they amount to."""
        return Response(self._told(self.project))

    @described(
        request=PolicyChangeSerializer,
        answers={200: ProjectPolicySerializer, 202: ApprovalSerializer},
        also=(409,),
        parameters=(ASK,),
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Change some settings. A flaw does not refuse the change: it is told in the answer."""
        body = PolicyChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        change_project_policy(
            project=self.project,
            settings=merged(self.project.policy, body.validated_data),
            seen_version=body.validated_data["version"],
            actor=self.actor,
            now=timezone.now(),
            reason=body.validated_data["reason"],
        )
        return Response(self._told(Project.objects.get(pk=self.project.pk)))

    def _told(self, project: Project) -> Any:
        layer = own_layer(project)
        told = layer_json(layer, flaws_of(project=project, layers=[layer]))
        told["effective"] = msgspec.to_builtins(layered([project.policy]))
        return ProjectPolicySerializer(told).data


class Layers(ProjectView):
    """What services, teams, operations, classes of risk and units demand otherwise."""

    queryset = PolicyLayer.objects.all()
    serializer_class = LayersSerializer
    rights: ClassVar = {"POST": Right.MANAGE}

    @described(answers={200: LayersSerializer})
    def get(self, request: Request, slug: str) -> Response:
        """All layers of the project, the weakest kind first."""
        answer = {"next": None, "previous": None, "results": layers_in(project=self.project)}
        return Response(LayersSerializer(answer).data)

    @described(
        request=NewLayerSerializer,
        answers={201: LayerWithFlawsSerializer, 202: ApprovalSerializer},
        also=(409,),
        parameters=(ASK,),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Add a layer. 409 where there is one for the same thing already: PATCH that."""
        body = NewLayerSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        changed = set_layer(
            project=self.project,
            target=Target(kind=LayerKind(data["kind"]), of=data["of"]),
            settings=data["settings"],
            seen_version=0,
            actor=self.actor,
            now=timezone.now(),
            reason=data["reason"],
        )
        return Response(changed_json(changed), status=status.HTTP_201_CREATED)


class OneLayer(ProjectView):
    """One layer."""

    queryset = PolicyLayer.objects.all()
    serializer_class = LayerWithFlawsSerializer
    rights: ClassVar = {"PATCH": Right.MANAGE, "DELETE": Right.MANAGE}

    @cached_property
    def row(self) -> PolicyLayer:
        rows = PolicyLayer.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        found = rows.select_related("project", "service", "team", "unit").first()
        if found is None:
            raise NotFound(f"There is no layer {self.kwargs['pk']} that you may see.")
        return found

    @cached_property
    def project(self) -> Project:
        return self.row.project

    @described(answers={200: LayerWithFlawsSerializer})
    def get(self, request: Request, pk: int) -> Response:
        layer = layer_of(self.row)
        flaws = flaws_of(project=self.project, layers=[own_layer(self.project), layer])
        return Response(LayerWithFlawsSerializer(layer_json(layer, flaws)).data)

    @described(
        request=PolicyChangeSerializer,
        answers={200: LayerWithFlawsSerializer, 202: ApprovalSerializer},
        also=(409,),
        parameters=(ASK,),
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change some of its settings."""
        body = PolicyChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = set_layer(
            project=self.project,
            target=target_of(layer_of(self.row)),
            settings=merged(self.row.settings, body.validated_data),
            seen_version=body.validated_data["version"],
            actor=self.actor,
            now=timezone.now(),
            reason=body.validated_data["reason"],
        )
        return Response(changed_json(changed))

    @described(request=RemovalSerializer, answers={204: None, 202: ApprovalSerializer}, also=(409,), parameters=(ASK,))
    def delete(self, request: Request, pk: int) -> Response:
        """Remove it: what it was about falls under the weaker layers again. `version` in the body or the query."""
        body = RemovalSerializer(data=request.data or request.query_params.dict())
        body.is_valid(raise_exception=True)
        remove_layer(
            project=self.project,
            layer_id=self.row.pk,
            seen_version=body.validated_data["version"],
            actor=self.actor,
            now=timezone.now(),
            reason=body.validated_data["reason"],
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class UnitPolicy(UnitView):
    """What is demanded of one unit."""

    queryset = UnitView.units
    serializer_class = UnitPolicySerializer

    @described(answers={200: UnitPolicySerializer})
    def get(self, request: Request, pk: int) -> Response:
        """Each setting with its value and the layer it comes from, and what is wrong with them together."""
        found = effective(unit=self.unit)
        flaws = flaws_of_unit(unit=self.unit, layers=found.layers, now=timezone.now())
        return Response(UnitPolicySerializer(unit_policy_json(self.unit.pk, found, flaws)).data)


class UnitWaivers(UnitView):
    """Signatures under gates that one unit does not pass."""

    queryset = UnitView.units
    serializer_class = WaiversSerializer
    rights: ClassVar = {"POST": Right.OVERRIDE}

    @described(answers={200: WaiversSerializer})
    def get(self, request: Request, pk: int) -> Response:
        """All that ever were, newest first, each with its state."""
        found = waivers_of(project=self.project, unit_id=self.unit.pk, now=timezone.now(), all_of_them=True)
        return Response(WaiversSerializer(waiver_page(found)).data)

    @described(
        request=NewWaiverSerializer,
        answers={201: WaiverSerializer, 202: ApprovalSerializer},
        also=(409,),
        parameters=(ASK,),
    )
    def post(self, request: Request, pk: int) -> Response:
        """Sign for gates that the evidence does not pass. Proven harm is not waived, nor is missing data."""
        body = NewWaiverSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data, now = body.validated_data, timezone.now()
        waiver = sign(
            unit=self.unit,
            gates=data["gates"],
            reason=data["reason"],
            expires_at=data["expires_at"],
            seen_version=data["version"],
            actor=self.actor,
            now=now,
        )
        return Response(WaiverSerializer(shown(waiver=waiver, now=now)).data, status=status.HTTP_201_CREATED)


class RevokeWaiver(ProjectView):
    """Taking a waiver back."""

    queryset = Waiver.objects.all()
    serializer_class = WaiverSerializer
    rights: ClassVar = {"POST": Right.OVERRIDE}

    @cached_property
    def waiver(self) -> Waiver:
        rows = Waiver.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        found = rows.select_related("project", "unit").first()
        if found is None:
            raise NotFound(f"There is no waiver {self.kwargs['pk']} that you may see.")
        return found

    @cached_property
    def project(self) -> Project:
        return self.waiver.project

    @described(request=WaiverRevocationSerializer, answers={200: WaiverSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Its gates hold again at once. Repeating it is harmless."""
        body = WaiverRevocationSerializer(data=request.data or {})
        body.is_valid(raise_exception=True)
        now = timezone.now()
        waiver = revoke(waiver=self.waiver, actor=self.actor, now=now, reason=body.validated_data["reason"])
        return Response(WaiverSerializer(shown(waiver=waiver, now=now)).data)


def merged(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The settings after a change. Raises Invalid where it names what there is not, or one setting twice."""
    for name in change["unset"]:
        if name not in SETTINGS:
            raise Invalid("unset", f"There is no setting {name!r} to unset.")
        if name in change["settings"]:
            raise Invalid("unset", f"{name} is set and unset at once in settings and unset.")
    kept = {name: value for name, value in before.items() if name not in change["unset"]}
    return kept | dict(change["settings"])


def changed_json(changed: Changed) -> Any:
    """A layer after its change."""
    if changed.layer is None:
        raise StalePolicy(headline="this layer", seen=0, layer=None)
    return LayerWithFlawsSerializer(layer_json(changed.layer, changed.flaws)).data
