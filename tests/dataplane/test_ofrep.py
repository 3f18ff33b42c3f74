"""Remote evaluation agrees with what every data plane decides."""

from urllib.parse import quote

import pytest

from migrator.core.bucketing import bucket
from migrator.core.stages import Stage
from tests.dataplane.conftest import move

pytestmark = pytest.mark.django_db(transaction=True)

FLAGS = "/ofrep/v1/evaluate/flags"


@pytest.fixture
def canary(endpoint):
    for stage, shares in ((Stage.SHADOW, {}), (Stage.SIDE_BY_SIDE, {}), (Stage.CANARY, {"candidate": 5_000})):
        move(endpoint, stage, **shares)
    return endpoint


def test_flag__of_a_canary__follows_the_callers_bucket(call, canary):
    answers = {
        subject: call("POST", f"{FLAGS}/{quote(canary.key, safe='')}", body={"context": {"targetingKey": subject}}).json
        for subject in ("ann", "bob", "cid", "dora")
    }

    assert {subject: answer["value"] for subject, answer in answers.items()} == {
        subject: bucket(subject) < 5_000 for subject in answers
    }
    assert answers["ann"]["reason"] == "SPLIT"
    assert answers["ann"]["key"] == "GET /users/{id}"


def test_flag__that_is_no_unit__is_not_found(call, canary):
    answer = call("POST", f"{FLAGS}/nothing", body={"context": {}})

    assert (answer.status, answer.json["errorCode"]) == (404, "FLAG_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "code"), [(b"{", "PARSE_ERROR"), (b'{"context":{"targetingKey":5}}', "INVALID_CONTEXT")]
)
def test_flag__with_a_context_that_is_none__says_what_is_wrong(call, canary, body, code):
    answer = call("POST", FLAGS, body=body)

    assert (answer.status, answer.json["errorCode"]) == (400, code)


def test_all_flags__asked_again__are_not_sent_again_until_something_changes(call, canary):
    ann = {"context": {"targetingKey": "ann"}}
    first = call("POST", FLAGS, body=ann)
    again = call("POST", FLAGS, body=ann, headers={"If-None-Match": first.headers["etag"]})
    bob = call(
        "POST", FLAGS, body={"context": {"targetingKey": "bob"}}, headers={"If-None-Match": first.headers["etag"]}
    )

    assert [flag["key"] for flag in first.json["flags"]] == ["GET /users/{id}"]
    assert again.status == 304
    assert bob.status == 200
