"""The product as one: what `/readyz` promises, and that it heals."""

import http.client
import json
import time
import urllib.error
import urllib.request

PATIENCE = 60.0
"""Seconds after which a test gives up. Nothing is measured by it."""


def fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_product__ready__says_what_it_reached(live_product):
    status, body = fetch(f"{live_product.url}/readyz")
    assert status == 200
    assert {"database": "ok", "redis": "ok", "migrations": "ok"}.items() <= json.loads(body).items()


def test_product__visitor_without_account__is_led_to_sign_in(live_product):
    with urllib.request.urlopen(f"{live_product.url}/", timeout=30) as page:
        assert "/sign-in" in page.url
        assert page.status == 200
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]


def test_product__fresh_checkout__serves_its_static_files_uncollected(live_product):
    for path in ("dashboards/app.css", "plotly.min.js", "django_htmx/htmx-2.min.js"):
        status, body = fetch(f"{live_product.url}/static/{path}")
        assert (status, len(body) > 1000) == (200, True), path


def test_product__front_is_told_to_stop_while_a_poll_waits__answers_it_first(live_product):
    """A deploy neither hangs for as long as the longest poll, nor tears it off."""
    live_product.manage("shell", "-v0", "-c", NEW_PROJECT)
    headers = {"Authorization": f"Bearer {live_product.token('plane', scope='ingest', project='restart')}"}
    poll = http.client.HTTPConnection("127.0.0.1", live_product.port, timeout=30)
    poll.request("GET", "/dataplane/v1/table?project=restart", headers=headers)
    with poll.getresponse() as table:
        headers["If-None-Match"] = table.headers["ETag"]
        table.read()
    poll.request("GET", "/dataplane/v1/table?project=restart&wait=25", headers=headers)
    time.sleep(0.5)  # so that it is waiting, not arriving

    front = live_product.children["front"]
    front.ask_to_stop()
    assert poll.getresponse().status == 304
    front.process.wait(20)

    front.start()
    deadline = time.monotonic() + PATIENCE
    while not answers(f"{live_product.url}/readyz"):
        assert time.monotonic() < deadline, live_product.log("front")
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return fetch(url)[0] == 200
    except OSError:
        return False


NEW_PROJECT = (
    "from django.utils import timezone; from migrator.inventory.services import create_project; "
    "create_project(slug='restart', name='Restart', now=timezone.now())"
)
