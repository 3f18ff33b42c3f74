"""Links in messages lead where the product listens, unless somebody says that people reach it elsewhere."""

import pytest

from migrator.local.up import asked_for

GIVEN = {"SECRET_KEY": "x", "DATABASE_URL": "postgresql:///x", "REDIS_URL": "redis://x"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"PORT": "9123"}, "http://127.0.0.1:9123"),
        ({"PORT": "9123", "HOST": "0.0.0.0"}, "http://127.0.0.1:9123"),
        ({"PORT": "9123", "HOST": "::1"}, "http://[::1]:9123"),
        ({"PORT": "9123", "PUBLIC_URL": "https://migrator.example.com"}, "https://migrator.example.com"),
        ({"PORT": "9123", "PUBLIC_URL": ""}, "http://127.0.0.1:9123"),
    ],
)
def test_public_url__of_a_started_product__follows_port_unless_told(environ, expected):
    instance, _ = asked_for(GIVEN | environ)

    assert instance.environment()["PUBLIC_URL"] == expected
