"""The page of notifications: who is told, what is shown once, who may change it, and without scripts."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from migrator.access.rights import console
from migrator.inventory.models import Project, Service
from migrator.telling.channels import ChannelSettings, save_channel
from migrator.telling.delivery import deliver_due
from migrator.telling.hooks import HookSettings, save_hook
from migrator.telling.models import Channel, Hook
from migrator.telling.services import tell
from tests.dashboards.causes import html
from tests.telling.receiver import receiving

SignIn = Callable[[User], Client]
PAGE = "/p/shop/notifications"
NEW = f"{PAGE}/channels/new/webhook"
TARGET = "https://hooks.example.test/c4nary-s3cret"
TYPED = {
    "name": "ops", "target": TARGET, "enabled": "on", "least_severity": "warning", "zone": "UTC", "digest": "none",
    "digest_hour": "9",
}  # fmt: skip


def add_channel(project: Project, target: str = TARGET) -> Channel:
    wanted = ChannelSettings(name="ops", kind="webhook", target=target)
    return save_channel(project=project, wanted=wanted, actor=console(name="t"), now=timezone.now()).channel


def say(project: Project) -> None:
    tell(
        project=project, event="guard", severity="critical", title="Guard silent", sentence="For 40 seconds.",
        path="/p/shop/oncall", now=timezone.now(),
    )  # fmt: skip


def test_page__without_channels__says_that_nobody_is_told(project: Project, owner: User, sign_in: SignIn) -> None:
    page = html(sign_in(owner), PAGE)
    assert "Nobody is told anything" in page
    assert "Add a signed webhook" in page


def test_channel__made_on_the_page__shows_its_secret_once_and_its_target_never(
    project: Project, owner: User, sign_in: SignIn
) -> None:
    client = sign_in(owner)
    made = client.post(NEW, TYPED).content.decode()
    secret = re.search(r"mwh_[\w-]+", made)
    assert secret is not None
    channel = Channel.objects.get()
    for address in (PAGE, f"{PAGE}/channels/{channel.pk}"):
        page = html(client, address)
        assert "c4nary" not in page and secret[0] not in page
        assert "https://hooks.example.test/…" in page


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"target": ""}, "target", "required"),
        ({"target": "http://169.254.169.254/"}, "target", "metadata"),
        ({"quiet_from": "22:00"}, "quiet_to", "a beginning and an end"),
        ({"zone": "Moon/Sea"}, "zone", "no time zone"),
        ({"per_minute": "0"}, "per_minute", "greater than or equal to 1"),
        ({"name": "taken"}, "name", "has a channel taken already"),
    ],
)
def test_channel__that_cannot_work__says_so_beside_the_field(
    changes: dict[str, str], field: str, told: str, project: Project, owner: User, sign_in: SignIn
) -> None:
    add_channel(project)
    Channel.objects.update(name="taken")
    answer = sign_in(owner).post(NEW, TYPED | changes)
    assert answer.status_code == 422
    assert told in answer.context["form"].errors[field][0]
    assert Channel.objects.count() == 1


def test_channel__changed_on_the_page__keeps_its_target(project: Project, owner: User, sign_in: SignIn) -> None:
    channel = add_channel(project)
    client = sign_in(owner)
    client.post(f"{PAGE}/channels/{channel.pk}", TYPED | {"target": "", "quiet_days": ["5", "6"], "digest": "daily"})
    after = Channel.objects.get()
    assert (after.quiet_days, after.digest, after.target) == ([5, 6], "daily", channel.target)


def test_messages__told__show_how_far_they_are(project: Project, owner: User, sign_in: SignIn, settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["127.0.0.0/8"]
    with receiving() as receiver:
        channel = add_channel(project, receiver.url)
        client = sign_in(owner)
        page = client.post(f"{PAGE}/channels/{channel.pk}/test", follow=True).content.decode()
        assert "the test arrived" in page and "all of them arrive" in page
        receiver.answers = [(503, {})]
        say(project)
        deliver_due(now=timezone.now())
        page = html(client, PAGE)
    assert "ops fails; what is told waits there." in page
    assert "127.0.0.1 answered 503." in page and "Next attempt" in page
    assert 'href="/p/shop/oncall"' in page


def test_hook__made_on_the_page__shows_its_secret_in_a_command_once(
    project: Project, owner: User, sign_in: SignIn
) -> None:
    client = sign_in(owner)
    typed = {"name": "prometheus", "action": "rollback", "unit_from": "{unit}", "service_from": "", "enabled": "on",
             "fallback": "refuse"}  # fmt: skip
    made = client.post(f"{PAGE}/hooks/new", typed).content.decode()
    assert "alerts/prometheus/" in made and "curl -X POST" in made
    secret = re.search(r"mah_[\w-]+", made)
    hook = Hook.objects.get()
    assert secret is not None and hook.action == "rollback"
    assert secret[0] not in html(client, f"{PAGE}/hooks/{hook.pk}")
    client.post(f"{PAGE}/hooks/{hook.pk}/remove")
    assert not Hook.objects.exists()


@pytest.mark.parametrize("name", ["viewer", "oncall", "engineer"])
def test_page__of_somebody_who_does_not_manage__shows_and_changes_nothing(
    name: str, project: Project, owner: User, sign_in: SignIn, request: pytest.FixtureRequest
) -> None:
    channel = add_channel(project)
    client = sign_in(request.getfixturevalue(name))
    page = html(client, PAGE)
    assert "Send a test" not in page and "Who can: owner (admin)" in page
    for address in (NEW, f"{PAGE}/channels/{channel.pk}", f"{PAGE}/hooks/new"):
        assert client.get(address).status_code == 403
        assert client.post(address, TYPED).status_code == 403
    for act in ("test", "remove"):
        assert client.post(f"{PAGE}/channels/{channel.pk}/{act}").status_code == 403
    assert Channel.objects.count() == 1


def test_pages__in_a_browser__have_no_barriers_and_fit_a_phone(
    transactional_db: None, project: Project, owner: User, chromium: Any, live_server: LiveServer
) -> None:
    axe_module = pytest.importorskip("axe_playwright_python.sync_playwright")
    now, actor = timezone.now(), console(name="t")
    Service.objects.create(project=project, name="users")
    channel = add_channel(project)
    hook = save_hook(project=project, wanted=HookSettings(name="prometheus"), actor=actor, now=now).hook
    say(project)
    client = Client()
    client.force_login(owner)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    for width, scheme in ((390, "dark"), (1440, "light")):
        context = chromium.new_context(
            base_url=live_server.url, viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        context.add_cookies([cookie])
        page = context.new_page()
        for address in (PAGE, NEW, f"{PAGE}/channels/{channel.pk}", f"{PAGE}/hooks/new", f"{PAGE}/hooks/{hook.pk}"):
            page.goto(address)
            report = axe_module.Axe().run(page)
            assert report.violations_count == 0, (address, report.generate_report())
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (address, width)
        context.close()


# ------------------------------------------------------------------------------------ the week


@pytest.mark.parametrize(("kind", "ticked"), [("apprise", True), ("webhook", False)])
def test_week__of_a_new_channel__is_ticked_where_people_read_it(
    kind: str, ticked: bool, project: Project, owner: User, sign_in: SignIn
) -> None:
    page = html(sign_in(owner), f"{PAGE}/channels/new/{kind}")
    tick = re.search(r'<input type="checkbox" name="weekly"[^>]*>', page)
    assert tick is not None and ("checked" in tick[0]) is ticked


def test_week__of_pagerduty__is_not_offered(project: Project, owner: User, sign_in: SignIn) -> None:
    page = html(sign_in(owner), f"{PAGE}/channels/new/pagerduty")
    assert 'name="weekly"' not in page and "nothing but the week" not in page


def test_week__taken_by_a_channel__is_shown_in_the_list_and_kept(
    project: Project, owner: User, sign_in: SignIn
) -> None:
    client = sign_in(owner)
    client.post(NEW, TYPED | {"weekly": "on"})
    channel = Channel.objects.get()
    assert (channel.weekly, channel.events) == (True, [])
    assert "What somebody should know today, the week on Mondays" in html(client, PAGE)
    client.post(f"{PAGE}/channels/{channel.pk}", TYPED | {"target": ""})
    assert not Channel.objects.get().weekly


def test_week__as_all_that_a_channel_takes__is_one_choice(project: Project, owner: User, sign_in: SignIn) -> None:
    client = sign_in(owner)
    client.post(NEW, TYPED | {"least_severity": "weekly"})
    channel = Channel.objects.get()
    assert (channel.weekly, channel.events) == (True, ["weekly"])
    assert "Only the week in a few sentences, on Mondays" in html(client, PAGE)
    page = html(client, f"{PAGE}/channels/{channel.pk}")
    assert re.search(r'<option value="weekly" selected>', page)
    client.post(f"{PAGE}/channels/{channel.pk}", TYPED | {"target": "", "least_severity": "info", "weekly": "on"})
    assert (Channel.objects.get().weekly, Channel.objects.get().events) == (True, [])
