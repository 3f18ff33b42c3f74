"""What one decision costs, against a bare lookup and against a feature-flag SDK's local evaluation.

Fifty units, one asked for, 25 % candidate, 10,000 sticky keys. CPU time of this process, interleaved in short
slices, median of the rounds.
"""

import statistics
import time
import zlib
from collections.abc import Callable

from migrator.core.routing import build_table, decide
from migrator.core.stages import Stage
from migrator.core.wire import RoutingTable, UnitRoute, Version

ROUNDS = 30
KEYS = [f"user-{at}" for at in range(10_000)]
WANTED = "GET /u7/{id}"


def bare_lookup() -> Callable[[], int]:
    shares = {f"GET /u{at}/{{id}}": 2_500 for at in range(50)}
    return lambda: sum(zlib.crc32(key.encode()) % 10_000 < shares[WANTED] for key in KEYS)


def ours() -> Callable[[], int]:
    units = tuple(
        UnitRoute(id=at, key=f"GET /u{at}/{{id}}", service="main", stage=Stage.CANARY, candidate=2_500)
        for at in range(50)
    )
    routes = build_table(RoutingTable(project="bench", version=Version(), units=units)).by_key
    return lambda: sum(decide(routes[WANTED], key, 99_999_999, repeatable=True).serve == "candidate" for key in KEYS)


def launchdarkly() -> Callable[[], int] | None:
    try:
        import ldclient  # noqa: PLC0415 - a peer, present only where the benchmarks are installed
        from ldclient.integrations.test_data import TestData  # noqa: PLC0415
    except ImportError:
        return None
    source = TestData.data_source()
    for at in range(50):
        # Its test source builds no percentage rollout, so the peer does less here: a fixed answer, no bucket.
        source.update(source.flag(f"u{at}").fallthrough_variation(True))
    client = ldclient.LDClient(ldclient.Config("bench", update_processor_class=source, send_events=False))
    build = ldclient.Context.create
    return lambda: sum(client.variation("u7", build(key), False) for key in KEYS[:500]) * 20


def main() -> None:
    subjects = {"bare crc32 + dictionary": bare_lookup(), "decide()": ours()}
    peer = launchdarkly()
    if peer is not None:
        subjects["launchdarkly variation, no events"] = peer
    spent: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        for name, work in subjects.items():
            calls = 500 if name.startswith("launchdarkly") else len(KEYS)
            start = time.process_time_ns()
            work()
            spent[name].append((time.process_time_ns() - start) / calls)
    medians = {name: statistics.median(values) for name, values in spent.items()}
    bound = medians["bare crc32 + dictionary"]
    print(f"{'decision':40} {'CPU ns':>9} {'x bound':>8}")
    for name, median in medians.items():
        print(f"{name:40} {median:9,.0f} {median / bound:8.1f}")


if __name__ == "__main__":
    main()
