"""What a link shows without an account, and what it never shows."""

from collections.abc import Callable
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from migrator.access.rights import Via, person
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.planning.models import ShareLink
from migrator.planning.sharing import make_share_link, revoke_share_link

AddUnit = Callable[..., Unit]
SITE = "https://wiki.example.com"


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


@pytest.fixture
def secret(project: Project, owner: User, add_unit: AddUnit) -> str:
    add_unit("GET /users/{id}", Stage.CUTOVER)
    add_unit("GET /orders", Stage.CANARY, 500)
    return made(project, owner, embed_origins=[SITE])


def made(project: Project, owner: User, **options: object) -> str:
    actor = person(user=owner, project=project, via=Via.PAGE)
    return make_share_link(project=project, name="the wall", actor=actor, now=timezone.now(), **options)  # type: ignore[arg-type]


def test_link__without_an_account__shows_how_far_and_nothing_else(secret: str, client: Client) -> None:
    answer = client.get(f"/share/{secret}")
    page = answer.content.decode()

    assert answer.status_code == 200
    assert "1 of 2 units done" in page
    assert 'class="stage-canary" points=' in page
    for private in ("/users/", "/orders", "owner", "setup", "the wall", "csrf"):
        assert private not in page
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert "max-age=60" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("address", ["/share/{}", "/embed/{}"])
def test_link__with_a_picture__states_what_done_is_and_offers_nothing_to_press(
    address: str, secret: str, client: Client
) -> None:
    page = client.get(address.format(secret)).content.decode()

    assert "done: from cutover on, nobody is answered by legacy" in page
    assert 'role="img" aria-label="From ' in page
    for control in ("<button", "<form", "<input", "<select", "<nav"):
        assert control not in page.partition("<main")[2]


def test_link__with_a_picture__has_its_numbers_as_a_table(secret: str, client: Client) -> None:
    page = client.get(f"/share/{secret}").content.decode()

    assert "Show as table" in page
    assert ">Scope</th>" in page


@pytest.mark.parametrize("address", ["/share/{}", "/embed/{}", "/badge/{}.svg"])
def test_link__revoked_or_over_or_made_up__shows_nothing(
    address: str, secret: str, project: Project, owner: User, client: Client
) -> None:
    assert client.get(address.format(secret)).status_code == 200
    link = ShareLink.objects.select_related("project").get()
    revoke_share_link(link=link, actor=person(user=owner, project=project, via=Via.PAGE), now=timezone.now())
    over = made(project, owner, expires_at=timezone.now() + timedelta(days=1))
    ShareLink.objects.filter(revoked_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))

    for each in (secret, over, "made-up", "%00"):
        assert client.get(address.format(each)).status_code == 404


def test_link__kept_in_the_database__is_only_a_hash(secret: str) -> None:
    assert secret not in str(list(ShareLink.objects.values()))


def test_embed__of_a_named_site__may_be_framed_there_only(secret: str, client: Client) -> None:
    answer = client.get(f"/embed/{secret}")

    assert f"frame-ancestors {SITE}" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer.headers


def test_embed__of_no_site__may_be_framed_nowhere(project: Project, owner: User, client: Client) -> None:
    answer = client.get(f"/embed/{made(project, owner)}")

    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_page_of_a_link__even_with_sites__may_not_be_framed(secret: str, client: Client) -> None:
    assert "frame-ancestors 'none'" in client.get(f"/share/{secret}").headers["Content-Security-Policy"]


def test_badge__of_half_done__is_a_picture_that_says_so(secret: str, client: Client) -> None:
    answer = client.get(f"/badge/{secret}.svg")
    picture = ElementTree.fromstring(answer.content)

    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert picture.attrib["aria-label"] == "migrated 50 %"
    assert picture.attrib["role"] == "img"


def test_link__of_an_empty_project__says_so(project: Project, owner: User, client: Client) -> None:
    secret = made(project, owner)

    assert "No unit is in scope here." in client.get(f"/share/{secret}").content.decode()
    assert b"no scope" in client.get(f"/badge/{secret}.svg").content


def test_link__opened_twice_in_a_minute__is_counted_once(
    secret: str, client: Client, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    client.get(f"/share/{secret}")
    with django_assert_max_num_queries(1):  # type: ignore[attr-defined]
        client.get(f"/share/{secret}")
