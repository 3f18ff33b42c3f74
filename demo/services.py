"""`python -m demo.services legacy|candidate --port N --database FILE`: one build of the comments service."""

import argparse
import time
from pathlib import Path
from typing import Final

import uvicorn

from demo.comments.candidate import Candidate
from demo.comments.legacy import Legacy
from demo.comments.store import Store
from demo.comments.web import application

BUILDS: Final = {"legacy": Legacy, "candidate": Candidate}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.services", description="One build of the comments service.")
    parser.add_argument("build", choices=BUILDS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", type=Path, required=True, help="SQLite file, made where there is none")
    parser.add_argument("--fault-after", type=float, metavar="SECONDS", help="when the candidate's cache is full")
    options = parser.parse_args()
    service = BUILDS[options.build](Store(options.database))
    if isinstance(service, Candidate) and options.fault_after is not None:
        service.cache_full_at = time.monotonic() + options.fault_after
    uvicorn.run(
        application(service),
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        access_log=False,
        log_level="critical",  # the candidate's planted 500s are no news
    )


if __name__ == "__main__":
    main()
