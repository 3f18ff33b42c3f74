"""Numbers and times as people write and read them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import words
from migrator.core.wire import Proof


@pytest.mark.parametrize(
    ("text", "share"),
    [("5", 500), ("0", 0), ("100", 10_000), ("0.01", 1), ("12,5", 1_250), (" 12.50 % ", 1_250), ("2.5%", 250)],
)
def test_read_percent__written_as_people_do__is_basis_points(text: str, share: int) -> None:
    assert words.read_percent(text) == share


@pytest.mark.parametrize("text", ["100.001", "100,01", "101", "-1", "", "five", "1.000,5", "1e2", "NaN", "٣", "1 2"])
def test_read_percent__no_share__is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(words.NotAPercentage, match="0 to 100"):
        words.read_percent(text)


@given(st.integers(0, 10_000))
def test_read_percent__what_was_written__comes_back(share: int) -> None:
    assert words.read_percent(words.percentage(share)) == share


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0, "0 %"),
        (0.0213, "2.1 %"),
        (0.00042, "0.042 %"),
        (0.000001, "< 0.001 %"),
        (0.9999, "> 99.9 %"),
        (1, "100 %"),
        (0.25, "25 %"),
    ],
)
def test_rate__any_size__has_no_more_digits_than_matter(fraction: float, text: str) -> None:
    assert words.rate(fraction) == text


def test_ago__moments_and_days__uses_the_largest_unit() -> None:
    now = datetime(2027, 3, 3, 14, 2, tzinfo=UTC)
    assert words.ago(now + timedelta(seconds=1), now=now) == "now"
    assert words.ago(now - timedelta(seconds=4), now=now) == "4 s ago"
    assert words.ago(now - timedelta(minutes=3), now=now) == "3 min ago"
    assert words.ago(now - timedelta(days=5), now=now) == "5 days ago"


def test_looked_into__some_proofs__says_each_that_happened() -> None:
    said = words.looked_into({Proof.CONFIRMED: 1_204, Proof.LAGGED: 3, Proof.MOVED: 0})
    assert said == (
        "Looked into: 1,204 confirmed by reading both sides again; "
        "3 gone when read again: only the candidate had changed."
    )
    assert words.looked_into({}) == ""
