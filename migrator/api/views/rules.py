"""Rules: shown with what they hide, tried before they are saved, saved, taken back."""

from functools import cached_property
from typing import ClassVar

from django.utils import timezone
from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView, projects_seen
from migrator.api.filters import RuleFilter
from migrator.api.schema import described, listed
from migrator.api.serializers.rules import (
    HiddenPreviewSerializer,
    NewRuleSerializer,
    RevocationSerializer,
    RulePreviewBodySerializer,
    RuleSerializer,
    draft_of,
)
from migrator.inventory.models import Project
from migrator.observations.models import Rule
from migrator.observations.queries import rule_figures
from migrator.observations.reach import would_hide
from migrator.observations.ruling import create_rule, revoke_rule
from migrator.observations.specs import checked


@listed(RuleSerializer)
class Rules(ProjectView, generics.ListAPIView[Rule]):
    """The rules of a project, newest first: those in force, unless asked otherwise."""

    queryset = Rule.objects.all()
    serializer_class = RuleSerializer
    filterset_class = RuleFilter
    page_order = ("-id",)
    rights: ClassVar = {"POST": Right.EDIT}

    def get(self, request: Request, slug: str) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        figures = rule_figures(
            Rule.objects.filter(pk__in=[rule.pk for rule in page]).order_by("-pk"), now=timezone.now()
        )
        return self.get_paginated_response(RuleSerializer(figures, many=True).data)

    @described(request=NewRuleSerializer, answers={201: RuleSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Settle what the differences of a place mean. Evidence starts afresh where it hides something."""
        body = NewRuleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        rule = create_rule(
            project=self.project,
            draft=draft_of(self.project, body.validated_data),
            actor=self.actor,
            reason=body.validated_data["reason"],
            expires_at=body.validated_data.get("expires_at"),
            now=timezone.now(),
        )
        return Response(rule_json(rule), status=status.HTTP_201_CREATED)


class RulePreview(ProjectView):
    """What a rule would hide."""

    queryset = Rule.objects.all()
    serializer_class = HiddenPreviewSerializer

    @described(request=RulePreviewBodySerializer, answers={200: HiddenPreviewSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Hold a rule against what was seen in the last days, before it is saved."""
        body = RulePreviewBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        spec = checked(draft_of(self.project, body.validated_data))
        days = body.validated_data["days"]
        preview = would_hide(project=self.project, specs=[spec], now=timezone.now(), days=days)
        return Response(HiddenPreviewSerializer(preview).data)


class OneRule(ProjectView):
    """One rule. It is never changed: one that turns out wrong is taken back, and another is made."""

    queryset = Rule.objects.all()
    serializer_class = RuleSerializer
    rights: ClassVar = {"DELETE": Right.EDIT}

    @cached_property
    def rule(self) -> Rule:
        found = Rule.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        rule = found.select_related("project", "service", "unit").first()
        if rule is None:
            raise NotFound(f"There is no rule {self.kwargs['pk']} that you may see.")
        return rule

    @cached_property
    def project(self) -> Project:
        return self.rule.project

    @described(answers={200: RuleSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return Response(rule_json(self.rule))

    @described(request=RevocationSerializer, answers={200: RuleSerializer})
    def delete(self, request: Request, pk: int) -> Response:
        """Take the rule back: its groups are open again. Repeating it is harmless."""
        body = RevocationSerializer(data=request.data or {})
        body.is_valid(raise_exception=True)
        reason = body.validated_data["reason"]
        return Response(rule_json(revoke_rule(rule=self.rule, actor=self.actor, reason=reason, now=timezone.now())))


def rule_json(rule: Rule) -> object:
    """A rule with what it hides."""
    return RuleSerializer(rule_figures(Rule.objects.filter(pk=rule.pk), now=timezone.now())[0]).data
