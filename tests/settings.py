"""Settings of the tests: the product's own, on servers of their own.

pytest-django imports settings before any fixture exists, so this is where the servers start: once, in the
process that was called; the workers that pytest-xdist starts from it inherit the addresses. They stop
when that process ends, however it ends. DATABASE_URL and REDIS_URL replace them.
"""

import atexit
import os
import shutil
import tempfile

from tests.servers import start_test_servers

if not ("DATABASE_URL" in os.environ and "REDIS_URL" in os.environ):
    database_url, redis_url = start_test_servers()
    os.environ.setdefault("DATABASE_URL", database_url)
    os.environ.setdefault("REDIS_URL", redis_url)
os.environ.setdefault("SECRET_KEY", "only-for-tests-0123456789-0123456789-0123456789")
# Each worker has a Redis database of its own: number 0 belongs to a run without workers.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1
os.environ["REDIS_URL"] = f"{os.environ['REDIS_URL'].partition('?')[0]}?db={WORKER}"
# Whatever a test leaves for data planes, or a front remembers, lies outside the checkout.
OVERRIDES = tempfile.mkdtemp(prefix="mt-overrides-")
os.environ["OVERRIDES_DIR"] = OVERRIDES
atexit.register(shutil.rmtree, OVERRIDES, ignore_errors=True)

from migrator.settings import *  # noqa: E402, F403 - only now is the environment ready

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # sign in fast
