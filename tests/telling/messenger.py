"""A process to kill: `python -m tests.telling.messenger deliver` delivers for ever, `setup URL` makes what there is."""

import sys
import time

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - Django must be set up
from django.db import Error, connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from migrator.access.rights import console  # noqa: E402
from migrator.inventory.models import Project  # noqa: E402
from migrator.inventory.services import create_project  # noqa: E402
from migrator.telling.channels import ChannelSettings, save_channel  # noqa: E402
from migrator.telling.delivery import deliver_due  # noqa: E402
from migrator.telling.services import tell  # noqa: E402


def set_up(url: str) -> None:
    call_command("migrate", verbosity=0)
    now = timezone.now()
    project = create_project(slug="shop", name="Shop", now=now)
    wanted = ChannelSettings(name="hook", kind="webhook", target=url, least_severity="info")
    save_channel(project=project, wanted=wanted, actor=console(name="setup"), now=now)


def say(first: int, count: int) -> None:
    project, now = Project.objects.get(), timezone.now()
    for number in range(first, first + count):
        tell(
            project=project, event="guard", severity="warning", title=f"Message {number}", sentence=".",
            path="/p/shop/oncall", now=now, key=f"m{number}",
        )  # fmt: skip


def deliver() -> None:
    while True:
        try:
            deliver_due(now=timezone.now(), limit=20)
        except Error:
            connection.close()
        time.sleep(0.05)


if __name__ == "__main__":
    act, *arguments = sys.argv[1:]
    if act == "setup":
        set_up(arguments[0])
    elif act == "say":
        say(int(arguments[0]), int(arguments[1]))
    else:
        deliver()
