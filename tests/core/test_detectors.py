"""core.detectors: what looks like a secret is taken for one; what people show each other is not."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.detectors import detects

SECRETS = {
    "mail": ["jane.doe@example.com", "a+b@sub.example.co.uk", "jürgen@müller.de", "jane%40example.com", "j%2540x.org"],
    "token": [
        "Bearer abcdefghijklmnop",
        "basic dXNlcjpwYXNzd29yZA==",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
        "sk_live_abcdefghijkl",
        "sk-proj-a1b2c3d4e5f6g7h8",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11AAAAAAA0abcdefghijkl",
        "xoxb-1234-abcdefgh",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "-----BEGIN RSA PRIVATE KEY-----",
        "password=hunter2",
        '{"api_key": "abcd1234"}',
        '{\\"secret\\": \\"abcd\\"}',
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "dGhpcyBpcyBhIHNlY3JldCB0b2tlbiAxMjM0NTY3ODkw",
    ],
    "card": ["4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "6011000990139424"],
    "account": ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "gb29nwbk60161331926819", "NO9386011117947"],
    "phone": [
        "+491701234567",
        "+49 (170) 123-45 67",
        "0049 170 1234567",
        "(555) 123-4567",
        "555-123-4567",
        "+1-202-555-0143",
        "0171 1234567",
        "01711234567",
    ],
}
HARMLESS = [
    "",
    "hello world",
    "2026-01-01T00:00:00.000+00:00",
    "2026-01-01 12:30:45",
    "1700000000000",
    "1700000000000000",
    "1700000000000000000",
    "123456789012345678901234567890",
    "0.1234567890123456789",
    "19.99",
    "-122.4194155",
    "550e8400-e29b-41d4-a716-446655440000",
    "application/json; charset=utf-8",
    "/users/{id}/orders?page=…&token=…",
    "4111111111111112",
    "DE88370400440532013000",
    "192.168.100.200",
    "v2.13.4-rc.1",
    "customer_identification_number_extended",
    "http://example.com/a/b?c=d",
    "@media print",
    "user@",
    "order 12345",
    "ISBN 978-3-16-148410-0",
]


@pytest.mark.parametrize("text", [text for texts in SECRETS.values() for text in texts])
@pytest.mark.parametrize(
    "around", ["{}", "He said {} yesterday", '["{}"]', "a={}&b=1", "\n{}\t", "<b>{}</b>", "id:{},"]
)
def test_detects__a_secret_wherever_it_stands__finds_it(text: str, around: str) -> None:
    assert detects(around.format(text))


@pytest.mark.parametrize("text", HARMLESS)
def test_detects__what_is_no_secret__lets_it_pass(text: str) -> None:
    assert not detects(text)


@given(st.text(max_size=200))
def test_detects__any_text__does_not_raise(text: str) -> None:
    assert detects(text) in (True, False)


@pytest.mark.parametrize("piece", ["a", "1", "1 ", "+1 ", "a@", "a.", "0", "DE", "4", "%25", "eyJ.", "-", "x=", "\\"])
def test_detects__long_and_repetitive_text__ends_soon(piece: str) -> None:
    assert detects(piece * 1_000_000) in (True, False)


def test_detects__random_numbers__are_rarely_cards() -> None:
    dice = random.Random(1)
    times = [str(dice.randrange(1_600_000_000_000, 1_900_000_000_000)) for _ in range(1_000)]
    assert not any(map(detects, times))
