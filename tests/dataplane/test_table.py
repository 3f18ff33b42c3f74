"""The routing table on its way out."""

import gzip
import threading
import time

import pytest
from django.utils import timezone

from migrator.access.models import Token
from migrator.access.tokens import create_token, digest
from migrator.core.routing import build_table
from migrator.core.stages import Stage
from migrator.core.wire import Version, decode_table
from migrator.inventory.models import Kind, Project, Unit
from migrator.inventory.services import create_project, create_unit
from tests.dataplane.conftest import move

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = "/dataplane/v1/table?project=shop"


def test_table__first_poll__holds_every_endpoint_and_its_version(call, endpoint):
    answer = call("GET", TABLE)

    table = decode_table(answer.body)
    assert answer.status == 200
    assert answer.headers["etag"] == f'"{table.version}"'
    assert [unit.key for unit in table.units] == ["GET /users/{id}"]
    assert [each.legacy_url for each in table.services] == ["http://legacy"]


def test_table__same_version_without_wait__is_not_sent_again(call, endpoint):
    etag = call("GET", TABLE).headers["etag"]

    assert call("GET", TABLE, headers={"If-None-Match": etag}).status == 304


def test_table__waiting_poll__returns_at_once_after_a_commit(call, endpoint):
    first = decode_table(call("GET", TABLE).body)
    answers = []

    def poll() -> None:
        answers.append(call("GET", f"{TABLE}&wait=15&since={first.version}"))

    thread = threading.Thread(target=poll)
    thread.start()
    time.sleep(0.3)
    assert not answers
    move(endpoint, Stage.SHADOW, mirror=2_500)
    thread.join(5)

    delta = decode_table(answers[0].body)
    assert (delta.since, delta.version) == (first.version, Version(number=first.version.number + 1))
    assert [(unit.stage, unit.mirror) for unit in delta.units] == [(Stage.SHADOW, 2_500)]


def test_table__field_of_an_endpoint_that_begins_to_move__comes_with_the_change(call, endpoint, service):
    field = create_unit(
        project=endpoint.project, service=service, key="GET /users/{id} $.name", kind=Kind.FIELD, now=timezone.now()
    )
    first = decode_table(call("GET", TABLE).body)
    assert field.pk not in {unit.id for unit in first.units}

    move(endpoint, Stage.SHADOW)
    delta = decode_table(call("GET", f"{TABLE}&wait=5&since={first.version}").body)

    routes = build_table(delta, previous=build_table(first))
    assert [route.unit.id for route in routes.fields[endpoint.pk]] == [field.pk]


def test_table__unit_that_is_gone__is_told_to_those_who_had_it(call, endpoint):
    first = decode_table(call("GET", TABLE).body)
    Unit.objects.update(gone_at=timezone.now(), table_version=first.version.number + 1)
    Project.objects.update(version=first.version.number + 1)

    delta = decode_table(call("GET", f"{TABLE}&wait=10&since={first.version}").body)

    assert [unit.gone for unit in delta.units] == [True]
    assert build_table(delta, previous=build_table(first)).units == {}
    assert decode_table(call("GET", TABLE).body).units == ()


def test_table__lost_notification__costs_a_poll_not_the_change(call, endpoint):
    first = decode_table(call("GET", TABLE).body)
    # Written past the service: nobody is notified.
    Unit.objects.update(cohort="b", table_version=first.version.number + 1)
    Project.objects.update(version=first.version.number + 1)

    delta = decode_table(call("GET", f"{TABLE}&wait=10&since={first.version}").body)

    assert [unit.cohort for unit in delta.units] == ["b"]


def test_table__database_that_went_back__never_lowers_the_version(call, endpoint):
    move(endpoint, Stage.SHADOW)
    first = decode_table(call("GET", TABLE).body)
    Project.objects.update(version=1)
    time.sleep(2.5)

    assert decode_table(call("GET", TABLE).body).version == first.version


def test_table__caller_that_is_ahead_of_us__is_left_with_its_own(call, endpoint):
    assert call("GET", TABLE, headers={"If-None-Match": '"2.1"'}).status == 304


def test_table__epoch_that_jumped__is_sent_whole(call, endpoint):
    first = decode_table(call("GET", TABLE).body)
    Project.objects.update(epoch=2, version=0)

    table = decode_table(call("GET", f"{TABLE}&wait=10&since={first.version}").body)

    assert (table.since, table.version) == (None, Version(epoch=2, number=0))
    assert len(table.units) == 1


def test_table__gzip_accepted__is_the_same_table(call, endpoint):
    plain = call("GET", TABLE)
    packed = call("GET", TABLE, headers={"Accept-Encoding": "gzip"})

    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "nan"])
def test_table__wait_out_of_bounds__is_refused(call, endpoint, wait):
    assert call("GET", f"{TABLE}&wait={wait}").status == 400


def test_doors__missing_unknown_revoked_foreign_and_weak_tokens__are_told_apart(call, endpoint, shop):
    elsewhere = create_project(slug="elsewhere", name="Elsewhere", now=timezone.now())
    foreign = create_token(name="f", scope="ingest", now=timezone.now(), project=elsewhere)
    weak = create_token(name="w", scope="read", now=timezone.now(), project=shop)
    revoked = create_token(name="r", scope="ingest", now=timezone.now(), project=shop)
    Token.objects.filter(name="r").update(revoked_at=timezone.now())

    assert call.as_holder_of("")("GET", TABLE).status == 401
    assert call.as_holder_of("mig_nobody")("GET", TABLE).status == 401
    assert call.as_holder_of(revoked)("GET", TABLE).status == 401
    assert call.as_holder_of(foreign)("GET", TABLE).status == 403
    assert call.as_holder_of(weak)("GET", TABLE).status == 403
    refusal = call.as_holder_of(foreign)("GET", TABLE)
    assert refusal.headers["content-type"] == "application/problem+json"
    assert refusal.json["detail"] == "This token is for project elsewhere, not for shop."


def test_doors__token_of_all_projects__finds_no_project_that_is_not_there(call, shop):
    everywhere = create_token(name="all", scope="ingest", now=timezone.now())

    assert call.as_holder_of(everywhere)("GET", "/dataplane/v1/table?project=nothing").status == 404
    assert call.as_holder_of(everywhere)("GET", TABLE).status == 200


def test_table__asked_for__notes_that_the_token_is_in_use(call, endpoint):
    assert Token.objects.get(digest=digest(call.token)).last_used_at is None
    call("GET", TABLE)

    assert Token.objects.get(digest=digest(call.token)).last_used_at is not None
