"""`python -m migrator.gateway`: see `--help`."""

import os
import sys

from migrator.gateway.config import read_config
from migrator.gateway.workers import supervise

if __name__ == "__main__":
    sys.exit(supervise(read_config(sys.argv[1:], dict(os.environ))))
