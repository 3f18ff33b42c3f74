"""The one address: what is not for data planes goes on to the pages."""

import asyncio
import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import uvicorn

from migrator.asgi import Front


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        return


def pages(environ, start_response):
    """Says what reached it; `/drip` answers in pieces."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    headers = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    start_response("201 Created", headers)
    if environ["PATH_INFO"] == "/drip":
        return (b"x" * 65_536 for _ in range(64))
    seen = ("REQUEST_METHOD", "QUERY_STRING", "HTTP_HOST", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO")
    return [" ".join(str(environ.get(name)) for name in seen).encode() + b"|" + body]


@contextlib.contextmanager
def running_front(port: int, web_url: str) -> Iterator[None]:
    front = Front(web_url=web_url)
    server = uvicorn.Server(uvicorn.Config(front, port=port, log_level="warning", lifespan="off", proxy_headers=False))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    yield
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def front(free_port) -> Iterator[http.client.HTTPConnection]:
    web = make_server("127.0.0.1", 0, pages, handler_class=Quiet)
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    with running_front(free_port, f"http://127.0.0.1:{web.server_port}"):
        yield http.client.HTTPConnection("127.0.0.1", free_port, timeout=20)
    web.shutdown()
    web.server_close()


def test_pages__request_with_a_body__arrives_with_its_host_and_its_caller(front):
    sent = {"Host": "migrator.example", "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "TE": "trailers"}
    front.request("POST", "/a%2Fb?c=%20d", body=b"hello", headers=sent)
    answer = front.getresponse()

    assert answer.status == 201
    assert answer.read() == b"POST c=%20d migrator.example 127.0.0.1 http|hello"
    assert answer.msg.get_all("set-cookie") == ["a=1", "b=2"]


def test_pages__large_answer__streams_through_whole(front):
    front.request("GET", "/drip")

    assert len(front.getresponse().read()) == 64 * 65_536


def test_pages__several_requests_of_one_connection__are_all_answered(front):
    for number in range(3):
        front.request("GET", f"/?{number}")
        assert front.getresponse().read().startswith(f"GET {number}".encode())


def test_livez__nobody_else_running__answers(free_port):
    with running_front(free_port, "unix:/nowhere/web.sock"):
        connection = http.client.HTTPConnection("127.0.0.1", free_port, timeout=20)
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200


def test_pages__not_running__is_said_in_a_plain_sentence(free_port):
    with running_front(free_port, "unix:/nowhere/web.sock"):
        connection = http.client.HTTPConnection("127.0.0.1", free_port, timeout=20)
        connection.request("GET", "/projects")
        answer = connection.getresponse()
        assert answer.status == 502
        assert b"The pages are not running right now." in answer.read()
