"""`python -m demo.services legacy|candidate --port N --database FILE`: one build of the comments service."""

import argparse
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
    options = parser.parse_args()
    store = Store(options.database)
    uvicorn.run(
        application(BUILDS[options.build](store)),
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        access_log=False,
        log_level="critical",  # the candidate's planted 500s are no news
    )


if __name__ == "__main__":
    main()
