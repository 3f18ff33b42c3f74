"""`make bench`: every benchmark, one after the other, so that none disturbs another."""

import subprocess
import sys

BENCHES = (
    "decide",
    "compare",
    "gateway",
    "ingest",
    "polls",
    "flip",
    "guard",
    "forecast",
    "pages",
    "mismatches",
)


def main() -> int:
    failed = []
    for name in sys.argv[1:] or BENCHES:
        print(f"\n=== {name} " + "=" * (70 - len(name)), flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
