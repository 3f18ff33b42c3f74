"""The demo's two services, running, on one datastore."""

from collections.abc import Iterator

import pytest

from tests.demo.pair import Pair, start, wait_ready
from tests.ports import free_port


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    database = tmp_path_factory.mktemp("comments") / "comments.sqlite3"
    running = [start(build, free_port(), database) for build in ("legacy", "candidate")]
    try:
        for _, url in running:
            wait_ready(f"{url}/health")
        yield Pair(*(url for _, url in running))
    finally:
        for process, _ in running:
            process.terminate()
        for process, _ in running:
            process.wait(10)
