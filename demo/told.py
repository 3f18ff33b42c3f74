"""Who hears of it in the demo: a channel to a receiver on this machine, a hook for its alerts, a link to share."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from demo.planned import MANAGER
from demo.scene import simulated
from migrator.inventory.models import Project
from migrator.planning.sharing import make_share_link
from migrator.telling.channels import ChannelSettings, save_channel, settings_of
from migrator.telling.hooks import HookSettings, save_hook
from migrator.telling.models import ChannelKind, HookAction, Severity
from migrator.telling.routing import BATCH, route

CHANNEL: Final = "receiver of the demo"
HOOK: Final = "alertmanager"
SHARE: Final = "for the steering group"


def forget_old_news(*, now: datetime) -> None:
    """What the past would have told was told to nobody: channels begin with today's news."""
    while route(now=now) == BATCH:
        pass


def set_channel(*, project: Project, url: str, now: datetime) -> None:
    """The channel to the demo's receiver, which has another port each time."""
    known = project.channels.filter(name=CHANNEL).first()
    usual = ChannelSettings(name=CHANNEL, kind=ChannelKind.WEBHOOK, least_severity=Severity.INFO)
    wanted = replace(settings_of(known) if known else usual, target=url)
    save_channel(project=project, wanted=wanted, actor=simulated(MANAGER), now=now, channel=known)


def set_hook(*, project: Project, now: datetime) -> str:
    """Alerts that hold what they name. Returns the secret that is shown once."""
    wanted = HookSettings(name=HOOK, action=HookAction.HOLD)
    return save_hook(project=project, wanted=wanted, actor=simulated(MANAGER), now=now).secret


def share(*, project: Project, now: datetime) -> str:
    """A link for people without an account. Returns the secret in its address."""
    return make_share_link(project=project, name=SHARE, actor=simulated(MANAGER), now=now)
