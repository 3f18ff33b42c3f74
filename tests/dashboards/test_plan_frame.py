"""A plan that takes long: its frame comes first, and the whole of it by script, by link and by itself without one."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from migrator.core import queues
from migrator.inventory.models import Project
from tests.dashboards.test_plan_page import lived

WHOLE = "The end hangs on bees"


@pytest.fixture
def reader(project: Project, client: Client, viewer: User, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Somebody who looks at a plan that counts as long."""
    monkeypatch.setattr(queues, "LONG", 0)
    lived(project, "ants", done=8, left=3)
    lived(project, "bees", done=8, left=20)
    client.force_login(viewer)
    return client


def test_plan__that_takes_long__sends_its_frame_with_ways_to_the_rest(reader: Client) -> None:
    page = reader.get("/p/shop/plan?by=effort").content.decode()
    assert WHOLE not in page
    assert "23 left, 2 teams at work" in page
    assert 'hx-get="/p/shop/plan?by=effort" hx-trigger="load" hx-target="#page"' in page
    assert '<noscript><meta http-equiv="refresh" content="0; url=?by=effort&amp;whole=1"></noscript>' in page
    assert 'href="?by=effort&amp;whole=1"' in page


def test_plan__that_takes_long__is_whole_where_a_script_or_a_reader_without_one_asks(reader: Client) -> None:
    assert WHOLE in reader.get("/p/shop/plan?whole=1").content.decode()
    assert WHOLE in reader.get("/p/shop/plan", headers={"HX-Request": "true"}).content.decode()
    assert 'id="answer"' in reader.get("/p/shop/plan?giver=ants&taker=bees&people=2").content.decode()


def test_plan__refused_change__comes_back_whole_with_what_was_typed(reader: Client, owner: User) -> None:
    reader.force_login(owner)
    answer = reader.post("/p/shop/plan/phase", {"name": "Endgame", "deadline": "soon", "done_at": "cutover"})
    assert answer.status_code == 400
    assert WHOLE in answer.content.decode()
