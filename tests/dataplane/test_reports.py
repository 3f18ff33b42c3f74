"""Reports on their way in, and all the way to evidence."""

import http.client
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from django.utils import timezone

from migrator.access.tokens import create_token
from migrator.core.wire import Finding, Outcome, Report, Sample, Side, Tally, Version, encode
from migrator.inventory.models import Unit
from migrator.inventory.services import create_project
from migrator.observations.models import KeptSample
from migrator.observations.queries import evidence_of
from migrator.observations.services import drain
from migrator.rollout.models import DataPlane
from migrator.rollout.queries import convergence

pytestmark = pytest.mark.django_db(transaction=True)

REPORTS = "/dataplane/v1/reports"


def report_of(unit: Unit, *, seq: int = 1, **changes) -> Report:
    window = int(time.time()) // 10 * 10
    tally = Tally(unit=unit.pk, window=window, evidence_epoch=0, outcomes={Outcome.MATCH: 7, Outcome.MISMATCH: 1})
    usual = Report(
        project="shop", source="gw/0", boot="b", seq=seq, kind="gateway", sent=8 * seq, tallies=(tally,), passed=3
    )
    return replace(usual, **changes)


def collect() -> int:
    return drain(now=timezone.now(), patience_s=5)


def test_report__accepted__becomes_evidence(call, endpoint):
    answer = call("POST", REPORTS, body=encode(report_of(endpoint)))
    assert (answer.status, answer.json) == (202, {"accepted": 1, "committed": 0})

    assert collect() == 1

    evidence = evidence_of(units=[endpoint], now=timezone.now())[endpoint.pk]
    assert (evidence.pairs, evidence.bad, evidence.completeness) == (8, 1, 1.0)


def test_report__counted__is_told_as_committed(call, endpoint):
    call("POST", REPORTS, body=encode(report_of(endpoint)))
    collect()

    until = time.monotonic() + 5
    while call("POST", REPORTS, body=encode(report_of(endpoint, seq=2))).json["committed"] < 1:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_report__of_a_data_plane_that_applied_a_version__makes_it_effective(call, endpoint, shop):
    shop.refresh_from_db()
    applied = Version(epoch=shop.epoch, number=shop.version)
    call("POST", REPORTS, body=encode(report_of(endpoint, applied=applied)))

    until = time.monotonic() + 5
    while not convergence(project=shop, now=timezone.now()).effective:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert DataPlane.objects.get().kind == "gateway"


def test_report__without_or_with_a_foreign_token__is_refused(call, endpoint):
    elsewhere = create_project(slug="elsewhere", name="Elsewhere", now=timezone.now())
    foreign = create_token(name="f", scope="ingest", now=timezone.now(), project=elsewhere)
    body = encode(report_of(endpoint))

    assert call.as_holder_of("")("POST", REPORTS, body=body).status == 401
    assert call.as_holder_of(foreign)("POST", REPORTS, body=body).status == 403
    assert collect() == 0


def tallied(part: bytes) -> bytes:
    tally = b'{"unit":1,"window":0,"evidence_epoch":0,"outcomes":{"match":5},%s}' % part
    return b'{"project":"shop","source":"s","boot":"b","seq":1,"tallies":[%s]}' % tally


def built(part: bytes, *, times: int = 1) -> bytes:
    seen = b",".join([b'{"service":"api",%s}' % part] * times)
    return b'{"project":"shop","source":"s","boot":"b","seq":1,"builds":[%s]}' % seen


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, None),
        (b"[" * 100_000, 422, "$"),
        (b"\xff\xfe", 400, None),
        (b'{"project": "shop"}', 422, "$"),
        (b'{"project":"shop","source":"s","boot":"b","seq":-1}', 422, "$.seq"),
        (b'{"project":"shop","source":"s","boot":"b","seq":"1"}', 422, "$.seq"),
        (b'{"project":"shop","source":"s","boot":"b","seq":1,"sent":1e999}', 422, "$.sent"),
        (b'{"project":"shop","source":"s\\u0000","boot":"b","seq":1}', 422, "$.source"),
        (
            b'{"project":"shop","source":"s","boot":"b","seq":1,'
            b'"tallies":[{"unit":1,"window":0,"evidence_epoch":0,"outcomes":{"match":-5}}]}',
            422,
            "$.tallies[0].outcomes[...]",
        ),
        (
            b'{"project":"shop","source":"s","boot":"b","seq":1,'
            b'"tallies":[{"unit":1,"window":0,"evidence_epoch":0,"outcomes":{"maybe":5}}]}',
            422,
            "key in $.tallies[0].outcomes",
        ),
        (tallied(b'"callers":{"ios":-1}'), 422, "$.tallies[0].callers[...]"),
        (tallied(b'"callers":{%s}' % b",".join(b'"c%d":1' % n for n in range(51))), 422, "$.tallies[0].callers"),
        (tallied(b'"callers":{"%s":1}' % (b"x" * 201)), 422, "key in $.tallies[0].callers"),
        (tallied(b'"legacy_cost":{"0":-1}'), 422, "$.tallies[0].legacy_cost[...]"),
        (built(b'"side":"both","build":"1","last_seen":1'), 422, "$.builds[0].side"),
        (built(b'"side":"legacy","build":"%s","last_seen":1' % (b"x" * 201)), 422, "$.builds[0].build"),
        (built(b'"side":"legacy","build":"1","last_seen":-1'), 422, "$.builds[0].last_seen"),
        (built(b'"side":"legacy","build":"1","last_seen":1', times=101), 422, "$.builds"),
    ],
)
def test_report__that_is_none__is_refused_naming_the_field(call, endpoint, redis_client, body, status, field):
    answer = call("POST", REPORTS, body=body)

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    if field:
        assert answer.json["errors"][0]["field"] == field
    assert not redis_client.keys("migrator:reports:*")


def test_report__of_fifty_megabytes__is_refused_before_it_is_read(call, endpoint):
    assert call("POST", REPORTS, headers={"Content-Length": str(50 * 2**20)}).status == 413


def test_report__of_fifty_megabytes_in_chunks__is_refused_while_it_is_read(call, endpoint, server_port):
    connection = http.client.HTTPConnection("127.0.0.1", server_port, timeout=20)
    connection.putrequest("POST", REPORTS)
    connection.putheader("Authorization", f"Bearer {call.token}")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    piece = b"x" * 2**20
    try:
        for _ in range(50):
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    except ConnectionError:
        pass  # refused while we were still sending
    else:
        connection.send(b"0\r\n\r\n")
    with suppress(ConnectionError):  # the answer may be lost with the connection, which is cut off
        assert connection.getresponse().status == 413
    connection.close()
    assert call("GET", "/livez").status == 200


def test_report__with_what_json_columns_refuse__survives_to_the_sample(call, endpoint):
    odd = "NaN \x00 \\ud800 \uffff"
    sample = Sample(
        unit=endpoint.pk,
        evidence_epoch=0,
        at=time.time(),
        outcome=Outcome.MISMATCH,
        served=Side.LEGACY,
        method="GET",
        path="/users/{id}",
        findings=(Finding(path="$.\x00", shape="$.\x00", kind="value", control=odd, candidate="NaN"),),
    )
    assert call("POST", REPORTS, body=encode(report_of(endpoint, samples=(sample,)))).status == 202
    collect()

    assert KeptSample.objects.get().payload == encode(sample).decode()
