"""The one address: what is not for data planes goes on to the pages."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


def test_livez__always__answers_without_anybody_else(call):
    assert call("GET", "/livez").status == 200


def test_pages__not_running__is_said_in_a_plain_sentence(call):
    answer = call("GET", "/anything")

    assert answer.status == 502
    assert answer.json["detail"].startswith("The pages are not running right now.")
