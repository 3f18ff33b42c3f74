"""`python -m migrator.local up|demo|demo-httpbin|clean`."""

import sys
from argparse import ArgumentParser
from importlib import import_module
from typing import Final

from migrator.local.up import clean, up

COMPANY: Final = {"up": None, "demo": "demo.company", "demo-httpbin": "demo.httpbin_company"}
"""Who comes along: a module with a COMPANY. By name, since demo/ is built on the product, not the product on it."""


def main() -> int:
    parser = ArgumentParser(prog="python -m migrator.local", description="Run Migrator on this machine.")
    parser.add_argument("what", choices=[*COMPANY, "clean"], nargs="?", default="up")
    what = parser.parse_args().what
    if what == "clean":
        return clean()
    module = COMPANY[what]
    return up(import_module(module).COMPANY if module else None)


if __name__ == "__main__":
    sys.exit(main())
