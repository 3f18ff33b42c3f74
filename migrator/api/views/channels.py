"""Who is told: channels, tests of them, hooks, and what was told."""

from functools import cached_property
from inspect import getdoc
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiCallback, extend_schema
from rest_framework import generics, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from migrator.access.rights import Right
from migrator.api.base import ProjectView, projects_seen
from migrator.api.filters import MessageFilter
from migrator.api.schema import described, listed
from migrator.api.serializers.channels import (
    ChangedChannelSerializer,
    ChangedHookSerializer,
    ChannelSerializer,
    HookSerializer,
    MessageSerializer,
    NewChannelSerializer,
    NewHookSerializer,
    SavedChannelSerializer,
    SavedHookSerializer,
    TryResultSerializer,
    WebhookSerializer,
    channel_settings,
    hook_settings,
)
from migrator.inventory.models import Project
from migrator.rollout import notices
from migrator.telling.channels import Saved, settings_of, try_out
from migrator.telling.hooks import SavedHook, settings_of_hook
from migrator.telling.models import Channel, Hook, Message
from migrator.telling.queries import messages_of

TO_A_WEBHOOK = OpenApiCallback(
    "message",
    "{$request.body#/target}",
    extend_schema(
        summary="What a channel of kind webhook sends",
        description=getdoc(WebhookSerializer),
        request=WebhookSerializer,
        responses={200: None},
    ),
)


@listed(ChannelSerializer)
class Channels(ProjectView, generics.ListAPIView[Channel]):
    """Where a project's messages go."""

    queryset = Channel.objects.prefetch_related("teams", "services")
    serializer_class = ChannelSerializer
    rights: ClassVar = {"POST": Right.MANAGE}

    @extend_schema(callbacks=[TO_A_WEBHOOK])
    @described(request=NewChannelSerializer, answers={201: SavedChannelSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Make a channel. A webhook's signing secret is in this answer, and in no other."""
        body = NewChannelSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = channel_settings(self.project, body.validated_data)
        saved = notices.save_channel(project=self.project, wanted=wanted, actor=self.actor, now=timezone.now())
        return Response(_saved_channel(saved), status=status.HTTP_201_CREATED)


class _OfChannel(ProjectView):
    """A view below `/channels/{id}/`."""

    queryset = Channel.objects.all()
    serializer_class = ChannelSerializer
    rights: ClassVar = {"PATCH": Right.MANAGE, "DELETE": Right.MANAGE, "POST": Right.MANAGE}

    @cached_property
    def channel(self) -> Channel:
        found = Channel.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        channel = found.select_related("project").first()
        if channel is None:
            raise NotFound(f"There is no channel {self.kwargs['pk']} that you may see.")
        return channel

    @cached_property
    def project(self) -> Project:
        return self.channel.project


class OneChannel(_OfChannel):
    """One channel."""

    @described(answers={200: ChannelSerializer})
    def get(self, request: Request, pk: int) -> Response:
        return Response(ChannelSerializer(self.channel).data)

    @described(request=ChangedChannelSerializer, answers={200: SavedChannelSerializer})
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named. One that is switched off drops what waited for it."""
        body = ChangedChannelSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = channel_settings(self.project, body.validated_data, settings_of(self.channel))
        saved = notices.save_channel(
            project=self.project, wanted=wanted, actor=self.actor, now=timezone.now(), channel=self.channel
        )
        return Response(_saved_channel(saved))

    @described(answers={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        notices.remove_channel(channel=self.channel, actor=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class TryChannel(_OfChannel):
    """Whether a channel arrives."""

    @described(request=None, answers={200: TryResultSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Send a test at once."""
        error = try_out(channel=self.channel, actor=self.actor, now=timezone.now())
        return Response(TryResultSerializer({"arrived": not error, "error": error}).data)


@listed(MessageSerializer)
class Messages(ProjectView, generics.ListAPIView[Message]):
    """What was told, newest first, and how far it is on its way."""

    queryset = Message.objects.all()
    serializer_class = MessageSerializer
    filterset_class = MessageFilter
    page_order = ("-id",)

    def get(self, request: Request, slug: str) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        rows = Message.objects.filter(pk__in=[message.pk for message in page]).order_by("-id")
        return self.get_paginated_response(MessageSerializer(messages_of(messages=rows), many=True).data)


@listed(HookSerializer)
class Hooks(ProjectView, generics.ListAPIView[Hook]):
    """Who may alarm us."""

    queryset = Hook.objects.select_related("fallback_service")
    serializer_class = HookSerializer
    rights: ClassVar = {"POST": Right.MANAGE}

    @described(request=NewHookSerializer, answers={201: SavedHookSerializer})
    def post(self, request: Request, slug: str) -> Response:
        """Make a hook. Its secret is in this answer, and in no other."""
        body = NewHookSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = hook_settings(self.project, body.validated_data)
        saved = notices.save_hook(project=self.project, wanted=wanted, actor=self.actor, now=timezone.now())
        return Response(_saved_hook(saved), status=status.HTTP_201_CREATED)


class OneHook(ProjectView):
    """One hook."""

    queryset = Hook.objects.all()
    serializer_class = HookSerializer
    rights: ClassVar = {"PATCH": Right.MANAGE, "DELETE": Right.MANAGE}

    @cached_property
    def hook(self) -> Hook:
        found = Hook.objects.filter(project__in=projects_seen(self.request), pk=self.kwargs["pk"])
        hook = found.select_related("project", "fallback_service").first()
        if hook is None:
            raise NotFound(f"There is no hook {self.kwargs['pk']} that you may see.")
        return hook

    @cached_property
    def project(self) -> Project:
        return self.hook.project

    @described(request=ChangedHookSerializer, answers={200: SavedHookSerializer})
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named. A renewed secret is in this answer, and in no other."""
        body = ChangedHookSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = hook_settings(self.project, body.validated_data, settings_of_hook(self.hook))
        saved = notices.save_hook(
            project=self.project, wanted=wanted, actor=self.actor, now=timezone.now(), hook=self.hook
        )
        return Response(_saved_hook(saved))

    @described(answers={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Remove the hook. What it held is free again."""
        notices.remove_hook(hook=self.hook, actor=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _saved_channel(saved: Saved) -> dict[str, Any]:
    return {**ChannelSerializer(saved.channel).data, "secret": saved.secret}


def _saved_hook(saved: SavedHook) -> dict[str, Any]:
    return {**HookSerializer(saved.hook).data, "secret": saved.secret}
