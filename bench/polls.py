"""A flip on its way to 500 waiting data planes, with 100,000 units: `python -m bench.polls`.

The data plane server runs in a process of its own, as in production; so do PostgreSQL and Valkey. The polls wait on
raw sockets in this process. The clock starts when `flip()` is called and stops when a poll has its whole answer.
"""

import asyncio
import statistics
import subprocess
import sys
import time
import urllib.request

from bench.database import own_database
from bench.gateway import Running, free_port

POLLS, FLIPS = 500, 15
GOAL_MS = 200


async def poll(port: int, token: str, since: str) -> tuple[float, int]:
    """Wait for the change after a version. Returns when its answer was whole (perf_counter), and its bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path = f"/dataplane/v1/table?project=bench&wait=25&since={since}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: "))
    await reader.readexactly(length)
    done = time.perf_counter()
    writer.close()
    return done, length


async def round_of(port: int, token: str, number: int, since: str) -> tuple[list[float], int]:
    """Milliseconds from the flip's beginning to each poll's answer, and the bytes of one."""
    polls = [asyncio.create_task(poll(port, token, since)) for _ in range(POLLS)]
    await asyncio.sleep(1.0)
    start = time.perf_counter()
    await asyncio.to_thread(flip_one, number)
    answers = await asyncio.gather(*polls)
    return [(done - start) * 1_000 for done, _ in answers], answers[0][1]


def flip_one(number: int) -> None:
    from django.utils import timezone  # noqa: PLC0415 - models exist once Django is set up

    from migrator.access.rights import console  # noqa: PLC0415
    from migrator.inventory.models import Unit  # noqa: PLC0415
    from migrator.rollout.services import Change, flip  # noqa: PLC0415

    unit = Unit.objects.filter(stage="side_by_side", kind="endpoint").order_by("pk")[number]
    change = Change(unit_id=unit.pk, version=unit.version, mirror=number)
    flip(project=unit.project, changes=[change], actor=console(name="bench"), reason="bench", now=timezone.now())


def present_version() -> str:
    from migrator.inventory.models import Project  # noqa: PLC0415

    project = Project.objects.get(slug="bench")
    return f"{project.epoch}.{project.version}"


def measure(server: Running, token: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/dataplane/v1/table?project=bench", headers={"Authorization": f"Bearer {token}"}
    )
    for turn in ("first, from the database", "from memory"):
        start = time.perf_counter()
        size = len(urllib.request.urlopen(request).read())
        print(f"whole table {turn:26} {(time.perf_counter() - start) * 1_000:8.0f} ms, {size / 1e6:.1f} MB")
    all_times: list[float] = []
    cpu = []
    for number in range(FLIPS):
        before = server.cpu_seconds()
        times, size = asyncio.run(round_of(server.port, token, number, present_version()))
        cpu.append((server.cpu_seconds() - before) * 1_000)
        all_times += times
    quantiles = statistics.quantiles(all_times, n=100)
    print(f"flip to answer of {POLLS} polls: p50 {quantiles[49]:.0f} ms, p99 {quantiles[98]:.0f} ms (goal {GOAL_MS})")
    print(f"one answer has {size} bytes; a flip costs the server {statistics.median(cpu):.0f} ms of CPU")


def main() -> None:
    with own_database():
        token = prepare()
        port = free_port()
        command = ["-m", "uvicorn", "migrator.asgi:application", "--port", str(port), "--loop", "uvloop"]
        process = subprocess.Popen([sys.executable, *command, "--log-level", "warning", "--no-access-log"])
        try:
            time.sleep(3)
            measure(Running("server", port, process.pid), token)
        finally:
            process.kill()
            process.wait()


def prepare() -> str:
    from django.utils import timezone  # noqa: PLC0415

    from bench.population import populate, settle  # noqa: PLC0415
    from migrator.access.tokens import create_token  # noqa: PLC0415

    project = populate()
    settle()
    return create_token(name="bench", scope="ingest", now=timezone.now(), project=project)


if __name__ == "__main__":
    main()
