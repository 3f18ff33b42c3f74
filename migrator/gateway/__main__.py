"""`python -m migrator.gateway`: see `--help`."""

import os
import sys

from migrator.gateway.config import read_config
from migrator.gateway.faults import log_no_values
from migrator.gateway.workers import supervise

if __name__ == "__main__":
    log_no_values()
    sys.exit(supervise(read_config(sys.argv[1:], dict(os.environ))))
