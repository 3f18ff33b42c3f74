"""The awaitable client: what one answer's reader does must not reach the next one's."""

import asyncio
from collections.abc import Iterator

import pytest

from migrator.sdk.asking import HELD_BYTES, ask
from migrator.sdk.upstream import Upstream
from tests.wires import Service, plain

PATIENCE_S = 10.0
LARGE = b"x" * (4 * HELD_BYTES)


@pytest.fixture
def service() -> Iterator[Service]:
    """Answers `/large` with more than an asker holds, everything else with what was asked for."""
    service = Service(respond=lambda request: plain(LARGE if request.target == b"/large" else request.target))
    yield service
    service.refuse()


async def _get(upstream: Upstream, target: bytes) -> bytes:
    reply = await ask(upstream, method=b"GET", target=target, patience=PATIENCE_S)
    return await reply.read(limit=len(LARGE))


def test_kept_connection__after_an_answer_read_slowly__answers_the_next(service: Service) -> None:
    """Every size from just below to just above what is held: one of them ends while reading rests."""

    async def main() -> None:
        upstream = Upstream(service.url)
        for size in range(HELD_BYTES - 4, HELD_BYTES + 200_000, 50_001):
            service.respond = lambda request, size=size: plain(b"x" * size)
            reply = await ask(upstream, method=b"GET", target=b"/", patience=PATIENCE_S)
            await asyncio.sleep(0.05)  # the answer arrives, nobody reads
            assert len(await reply.read(limit=size)) == size
            service.respond = lambda request: plain(request.target)
            assert await asyncio.wait_for(_get(upstream, b"/next"), PATIENCE_S) == b"/next"

    asyncio.run(main())
    assert service.connections == 1


def test_reading__given_up_half_way__leaves_the_next_answer_whole(service: Service) -> None:
    async def main() -> None:
        upstream = Upstream(service.url)
        reply = await ask(upstream, method=b"GET", target=b"/large", patience=PATIENCE_S)
        async for _piece in reply:
            break
        reply.close()
        assert await asyncio.wait_for(_get(upstream, b"/next"), PATIENCE_S) == b"/next"
        assert await asyncio.wait_for(_get(upstream, b"/large"), PATIENCE_S) == LARGE

    asyncio.run(main())
