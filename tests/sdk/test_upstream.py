"""Connections to an upstream that does what no upstream should: nobody waits for ever, nothing is left over."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from migrator.sdk import upstream as module
from migrator.sdk.asking import Reply, UpstreamError, ask
from migrator.sdk.framing import ResponseHead
from migrator.sdk.upstream import Failure, Link, Trouble, Upstream
from tests.wires import Service, Wire, plain

PATIENCE_S = 0.3
FOR_EVER_S = 10.0
"""Whoever waits for so long waits for ever."""
LARGE = 8_000_000
RUN = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service(respond=lambda request: plain(request.target))
    yield service
    service.refuse()


async def get(upstream: Upstream, target: bytes = b"/", *, method: bytes = b"GET") -> bytes:
    """The body of an answer. Fails where there is none for ever."""
    async with asyncio.timeout(FOR_EVER_S):
        reply = await ask(upstream, method=method, target=target, patience=PATIENCE_S)
        return await reply.read(limit=LARGE)


def open_links(upstream: Upstream) -> list[Link]:
    """All connections to this upstream that are open, whoever knows of them."""
    links = [each for each in gc.get_objects() if type(each) is Link]
    return [
        link for link in links if link._upstream is upstream and link._transport and not link._transport.is_closing()
    ]


@RUN
def test_connection__closed_before_a_busy_loop_uses_it__is_a_failure_in_words(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is being restarted, or has too much to do."""
    service.serve = lambda wire: None
    made = Link.connection_made

    def slowly(link: Link, transport: asyncio.BaseTransport) -> None:
        time.sleep(0.01)
        made(link, transport)

    monkeypatch.setattr(Link, "connection_made", slowly)

    async def main() -> None:
        upstream = Upstream(service.url)
        for _ in range(20):
            with pytest.raises(UpstreamError):
                await get(upstream)
        assert open_links(upstream) == []

    run(main())


@RUN
def test_host__that_can_be_no_name__is_a_connection_refused(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(UpstreamError) as caught:
            await get(Upstream("http://\u00fc..example:80"))
        assert caught.value.trouble is Trouble.REFUSED

    run(main())


@RUN
def test_head__that_drips_in__is_waited_for_no_longer_than_one_that_does_not_come(service: Service, run: Run) -> None:
    stop = threading.Event()

    def drip(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        while not stop.is_set():
            wire.send(b"x")
            time.sleep(PATIENCE_S / 10)

    service.serve = drip

    async def main() -> None:
        with pytest.raises(UpstreamError) as caught:
            await get(Upstream(service.url))
        assert caught.value.trouble is Trouble.TIMEOUT

    try:
        run(main())
    finally:
        stop.set()


@RUN
def test_answer__that_comes_before_the_request_has_ended__is_not_kept_waiting(service: Service, run: Run) -> None:
    def refuse(wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        wire.send(plain(b"too large", status=b"413 Too Large"))
        wire.rest()

    service.serve = refuse

    async def never_ends() -> AsyncIterator[bytes]:
        yield b"a beginning"
        await asyncio.Event().wait()

    async def main() -> None:
        upstream = Upstream(service.url)
        async with asyncio.timeout(FOR_EVER_S):
            reply = await ask(upstream, method=b"POST", target=b"/", body=never_ends(), patience=FOR_EVER_S)
            assert (reply.status, await reply.read(limit=100)) == (413, b"too large")
        assert open_links(upstream) == []

    run(main())


@RUN
def test_service__that_answers_while_it_reads__gets_all_and_gives_all(service: Service, run: Run) -> None:
    """More than all buffers on the way hold: whoever sends all before it reads anything waits for ever."""

    def echo(wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (4 * LARGE))
        left = 4 * LARGE
        while left:
            data = wire.buffer or wire.more()
            wire.buffer = b""
            left -= len(data)
            wire.send(data)

    service.serve = echo

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(4 * LARGE // 100_000):
            yield b"x" * 100_000

    async def main() -> None:
        headers = [(b"Content-Length", b"%d" % (4 * LARGE))]
        async with asyncio.timeout(FOR_EVER_S):
            reply = await ask(
                Upstream(service.url), method=b"POST", target=b"/", headers=headers, body=pieces(), patience=FOR_EVER_S
            )
            assert len(await reply.read(limit=4 * LARGE)) == 4 * LARGE

    run(main())


@RUN
def test_body__that_breaks_off__fails_the_request_with_its_reason(service: Service, run: Run) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b"a beginning"
        raise LookupError("no more")

    async def main() -> None:
        upstream = Upstream(service.url)
        with pytest.raises(LookupError):
            await ask(upstream, method=b"POST", target=b"/", body=breaks(), patience=FOR_EVER_S)
        assert open_links(upstream) == []

    run(main())


@RUN
def test_answer__to_a_request_that_is_not_read_to_its_end__leaves_no_connection(service: Service, run: Run) -> None:
    answered, received = threading.Event(), []

    def refuse(wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        wire.send(plain(b"too large", status=b"413 Too Large"))
        answered.wait(FOR_EVER_S)
        received.append(len(wire.rest()))

    service.serve = refuse

    async def main() -> None:
        upstream = Upstream(service.url)
        reply = await ask(upstream, method=b"POST", target=b"/", body=b"x" * 4 * LARGE, patience=FOR_EVER_S)
        await reply.read(limit=100)
        assert open_links(upstream) == []
        answered.set()
        while not received:
            await asyncio.sleep(0.01)

    run(main())
    assert received[0] < 4 * LARGE


@RUN
@pytest.mark.parametrize("promise", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_body__sent_where_none_may_be__never_reaches_the_next_caller(
    service: Service, run: Run, promise: bytes
) -> None:
    def serve(wire: Wire) -> None:
        while True:
            request = wire.request()
            if request.method == b"HEAD":
                wire.send(b"HTTP/1.1 200 OK\r\n" + promise + b"\r\n\r\n")
                time.sleep(0.05)
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
            else:
                wire.send(plain(request.target))

    service.serve = serve

    async def main() -> None:
        upstream = Upstream(service.url)
        for _ in range(3):
            assert await get(upstream, method=b"HEAD") == b""
            assert await get(upstream, b"/mine") == b"/mine"

    run(main())


@RUN
def test_answer__that_nobody_reads__does_not_keep_its_connection_for_ever(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READER_SECONDS", PATIENCE_S)
    service.respond = lambda request: plain(b"x" * LARGE)

    async def main() -> None:
        upstream = Upstream(service.url)
        reply = await ask(upstream, method=b"GET", target=b"/", patience=PATIENCE_S)
        async with asyncio.timeout(FOR_EVER_S):
            while open_links(upstream):
                await asyncio.sleep(0.05)
        with pytest.raises(UpstreamError, match="nobody read"):
            await reply.read(limit=LARGE)

    run(main())


@RUN
def test_asker__that_goes_away_at_any_moment__leaves_no_connection(service: Service, run: Run) -> None:
    async def main() -> None:
        upstream = Upstream(service.url)
        for at in range(60):
            asking = asyncio.create_task(get(upstream))
            await asyncio.sleep(at * 0.00005)
            asking.cancel()
            await asyncio.wait([asking])
            upstream.close()  # so that each of them needs a new connection
        await asyncio.sleep(0.1)
        assert open_links(upstream) == []

    run(main())


class Careless:
    """A receiver with a fault."""

    def on_link(self, link: Link) -> None:
        link.send(self, method=b"GET", data=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", patience=PATIENCE_S)

    def on_failure(self, failure: Failure) -> None:
        raise LookupError("a fault")

    def on_interim(self, head: ResponseHead) -> None: ...
    def on_head(self, head: ResponseHead) -> None: ...
    def on_data(self, data: bytes) -> None: ...
    def on_end(self, trailers: bytes) -> None: ...
    def on_blocked(self) -> None: ...
    def on_writable(self) -> None: ...


class Late(Careless):
    """A receiver that is held up by the very last bytes of its answer."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def on_link(self, link: Link) -> None:
        self.link = link
        super().on_link(link)

    def on_end(self, trailers: bytes) -> None:
        self.link.pause()
        self.ended.set()


@RUN
def test_kept_connection__of_an_answer_whose_end_held_its_reader_up__answers_the_next(
    service: Service, run: Run
) -> None:
    async def main() -> None:
        upstream, receiver = Upstream(service.url), Late()
        upstream.connect(receiver, patience=PATIENCE_S)
        await receiver.ended.wait()
        assert await get(upstream, b"/next") == b"/next"

    run(main())
    assert service.connections == 1


@RUN
def test_patience__after_a_fault_of_one_receiver__runs_out_for_all_others(service: Service, run: Run) -> None:
    service.serve = lambda wire: wire.rest() and None

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        upstream = Upstream(service.url)
        upstream.connect(Careless(), patience=PATIENCE_S)
        await asyncio.sleep(2 * PATIENCE_S)
        with pytest.raises(UpstreamError) as caught:
            await get(upstream)
        assert caught.value.trouble is Trouble.TIMEOUT

    run(main())


def test_reply__too_large_for_its_asker__gives_its_connection_up_at_once(service: Service) -> None:
    service.respond = lambda request: plain(b"x" * LARGE)

    async def main() -> None:
        upstream = Upstream(service.url)
        reply: Reply = await ask(upstream, method=b"GET", target=b"/", patience=PATIENCE_S)
        with pytest.raises(ValueError, match="larger"):
            await reply.read(limit=10)
        assert open_links(upstream) == []

    asyncio.run(main())
