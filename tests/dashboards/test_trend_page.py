"""The burndown page says where a change of the pace moves its date, and only there."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from migrator.inventory.models import Project
from tests.dashboards.pasts import Past

FALLS = re.compile(r"The pace has been falling: in \d\d.% of the runs it goes on falling, ever less\.")


@pytest.mark.parametrize(
    ("weeks", "falls"), [([3] * 14 + [1, 0] * 6, True), ([1, 2] * 13, False)], ids=["slower", "steady"]
)
def test_burndown__of_a_pace__says_whether_the_forecast_counts_on_its_fall(
    project: Project, client: Client, viewer: User, weeks: list[int], falls: bool
) -> None:
    past = Past(project=project)
    for at, done in enumerate(weeks):
        for number in range(done):
            past.unit(f"GET /{at}/{number}", known=7 * len(weeks) + 7, done=7 * (len(weeks) - at) - 3)
    for number in range(20):
        past.unit(f"GET /left/{number}", known=7 * len(weeks) + 7)
    client.force_login(viewer)
    page = client.get("/p/shop/burndown").content.decode()
    assert "85 % sure to finish by" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert bool(FALLS.search(page)) == falls
