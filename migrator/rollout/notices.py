"""Who is told, and who may alarm us: changed together with the link of the ledger that says who changed it."""

from datetime import datetime
from typing import Any

from django.db import transaction

from migrator.access.rights import Actor, Right, demand
from migrator.inventory.models import Project
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.rollout import alarms
from migrator.telling import channels, hooks
from migrator.telling.channels import ChannelSettings, Saved
from migrator.telling.hooks import HookSettings, SavedHook
from migrator.telling.models import Channel, Hook


@transaction.atomic
def save_channel(
    *, project: Project, wanted: ChannelSettings, actor: Actor, now: datetime, channel: Channel | None = None
) -> Saved:
    """Make or change a channel. Raises Forbidden, and Invalid naming the field."""
    verb = "changed" if channel else "made"
    saved = channels.save_channel(project=project, wanted=wanted, actor=actor, now=now, channel=channel)
    _record(project, actor, now, {"channel": saved.channel.name, "kind": saved.channel.kind, "act": verb})
    return saved


@transaction.atomic
def remove_channel(*, channel: Channel, actor: Actor, now: datetime) -> None:
    """Delete a channel with what waited for it. Raises Forbidden."""
    project, body = channel.project, {"channel": channel.name, "kind": channel.kind, "act": "removed"}
    channels.remove_channel(channel=channel, actor=actor)
    _record(project, actor, now, body)


@transaction.atomic
def save_hook(
    *, project: Project, wanted: HookSettings, actor: Actor, now: datetime, hook: Hook | None = None
) -> SavedHook:
    """Make or change a hook. Raises Forbidden, and Invalid naming the field."""
    verb = "changed" if hook else "made"
    saved = hooks.save_hook(project=project, wanted=wanted, actor=actor, now=now, hook=hook)
    renewed = bool(saved.secret) and hook is not None
    body = {"hook": saved.hook.name, "action": saved.hook.action, "act": verb, "secret_renewed": renewed}
    _record(project, actor, now, body)
    return saved


@transaction.atomic
def remove_hook(*, hook: Hook, actor: Actor, now: datetime) -> None:
    """Delete a hook; what it held is free again. Raises Forbidden."""
    demand(actor=actor, right=Right.MANAGE)
    project, body = hook.project, {"hook": hook.name, "action": hook.action, "act": "removed"}
    alarms.remove_hook(hook=hook, actor=actor, now=now)
    _record(project, actor, now, body)


def _record(project: Project, actor: Actor, now: datetime, body: dict[str, Any]) -> None:
    record(project=project, kind=Kind.SETTINGS, actor=actor, now=now, body={"what": "notifications"} | body)
