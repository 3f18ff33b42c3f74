"""A report through the running product: the one address, Redis, beat, a Celery worker, PostgreSQL."""

import time
from collections.abc import Callable

import psycopg

from migrator.core.wire import Outcome, Report, Tally, encode
from tests.dataplane.conftest import Caller

SETUP = """
from django.utils import timezone
from migrator.inventory.models import Kind
from migrator.inventory.services import create_project, create_unit, save_service
project = create_project(slug="reported", name="Reported", now=timezone.now())
service = save_service(project=project, name="api")
print(create_unit(project=project, service=service, key="GET /x", kind=Kind.ENDPOINT, now=timezone.now()).pk)
"""


def eventually(ask: Callable[[], object], wanted: object) -> None:
    until = time.monotonic() + 30
    while ask() != wanted:
        assert time.monotonic() < until, ask()
        time.sleep(0.1)


def test_report__sent_to_the_running_product__is_counted_by_its_worker(live_product):
    unit = int(live_product.manage("shell", "-v", "0", "-c", SETUP).split()[-1])
    call = Caller(live_product.port, live_product.token("gw", scope="ingest", project="reported"))
    tally = Tally(
        unit=unit, window=int(time.time()) // 10 * 10, evidence_epoch=0, outcomes={Outcome.MATCH: 3}, subjects=(1, 2)
    )
    made = Report(project="reported", source="gw/0", boot="b", seq=1, sent=3, tallies=(tally,))

    assert call("POST", "/dataplane/v1/reports", body=encode(made)).status == 202

    with psycopg.connect(live_product.database_url, autocommit=True) as connection:
        counted = f"SELECT sum(match) FROM observations_standing WHERE unit_id = {unit}"
        eventually(lambda: connection.execute(counted).fetchone(), (3,))
    eventually(lambda: call("POST", "/dataplane/v1/reports", body=encode(made)).json["committed"], 1)
