from __future__ import annotations

import os

import pytest

from tests.servers import postgres, redis

# Whoever names a server's URL promises the whole set: then a missing program is a failure, not a skip.
needs_postgres = pytest.mark.skipif(
    not postgres.is_installed() and "XIAOKA_TEST_DATABASE_URL" not in os.environ,
    reason="PostgreSQL's server programs are not installed",
)
needs_redis = pytest.mark.skipif(
    not redis.is_installed() and "XIAOKA_TEST_REDIS_URL" not in os.environ,
    reason="redis-server is not installed",
)
