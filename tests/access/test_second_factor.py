"""The second factor: the vectors of its standard, no code twice, and nobody who guesses."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from migrator.access.models import SecondFactor
from migrator.access.second_factor import (
    PAUSE,
    STEP_S,
    TRIES,
    WrongCode,
    address_of,
    code_at,
    confirm,
    enrol,
    is_ready,
    new_secret,
    remove,
    verify,
)
from tests.rollout.climbers import in_threads

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
LATER = timedelta(seconds=STEP_S)
SEED = base64.b32encode(b"12345678901234567890").decode()
"""The seed of RFC 6238, appendix B, for SHA-1."""


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ana")


@pytest.fixture
def ready(user: User) -> SecondFactor:
    """In force since an hour ago."""
    then = NOW - timedelta(hours=1)
    factor = enrol(user=user, now=then)
    confirm(user=user, code=code(factor, then), now=then)
    return SecondFactor.objects.get()


def code(factor: SecondFactor, now: datetime, steps: int = 0) -> str:
    return code_at(secret=factor.secret, step=int(now.timestamp()) // STEP_S + steps)


@pytest.mark.parametrize(
    ("seconds", "eight_digits"),
    [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ],
)
def test_code__at_the_times_of_rfc_6238__is_what_it_says(seconds: int, eight_digits: str) -> None:
    # Its codes have eight digits; ours are the last six of the same number.
    assert code_at(secret=SEED, step=seconds // STEP_S) == eight_digits[2:]


def test_secret__is_160_random_bits() -> None:
    assert len(base64.b32decode(new_secret())) == 20
    assert len({new_secret() for _ in range(100)}) == 100


def test_address__holds_what_a_generator_reads(db: None) -> None:
    user = User.objects.create_user("ana@shop.example")
    address = address_of(enrol(user=user, now=NOW))
    assert address.startswith("otpauth://totp/Migrator:ana%40shop.example?secret=")
    assert address.endswith("&issuer=Migrator&digits=6&period=30")


def test_enrol__again__keeps_the_secret_that_is_on_the_phone(user: User) -> None:
    assert enrol(user=user, now=NOW).secret == enrol(user=user, now=NOW + LATER).secret


def test_confirm__first_code__puts_it_in_force(user: User) -> None:
    factor = enrol(user=user, now=NOW)
    assert not is_ready(user=user)
    with pytest.raises(WrongCode, match="no second factor yet"):
        verify(user=user, code=code(factor, NOW), now=NOW)
    with pytest.raises(WrongCode):
        confirm(user=user, code="000000", now=NOW)
    assert not is_ready(user=user)
    confirm(user=user, code=code(factor, NOW), now=NOW)
    assert is_ready(user=user)


def test_verify__nobody_enrolled__says_where(user: User) -> None:
    with pytest.raises(WrongCode, match="Set one up on your account page first"):
        verify(user=user, code="123456", now=NOW)


def test_verify__a_code__works_once(ready: SecondFactor, user: User) -> None:
    now = code(ready, NOW)
    verify(user=user, code=f"{now[:3]} {now[3:]}", now=NOW)
    for at in (NOW, NOW + LATER):
        with pytest.raises(WrongCode, match="wrong, or was used already"):
            verify(user=user, code=now, now=at)
    verify(user=user, code=code(ready, NOW + LATER), now=NOW + LATER)


def test_verify__an_older_code_than_the_last_one__opens_nothing(ready: SecondFactor, user: User) -> None:
    verify(user=user, code=code(ready, NOW, steps=1), now=NOW)
    with pytest.raises(WrongCode):
        verify(user=user, code=code(ready, NOW), now=NOW)


@pytest.mark.parametrize(("steps", "opens"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_verify__a_clock_that_is_off__by_one_step_at_most(
    steps: int, opens: bool, ready: SecondFactor, user: User
) -> None:
    if opens:
        verify(user=user, code=code(ready, NOW, steps), now=NOW)
    else:
        with pytest.raises(WrongCode):
            verify(user=user, code=code(ready, NOW, steps), now=NOW)


@pytest.mark.parametrize(
    "nonsense", ["", "12345", "abcdef", "１２３４５６", "٣٤٥٦٧٨", "\x00\x00\x00\x00\x00\x00", "1" * 10_000]
)
def test_verify__nonsense__is_a_wrong_code(nonsense: str, ready: SecondFactor, user: User) -> None:
    with pytest.raises(WrongCode):
        verify(user=user, code=nonsense, now=NOW)
    assert SecondFactor.objects.get().failures == 1


def test_verify__wrong_too_often__waits_even_for_the_right_one(ready: SecondFactor, user: User) -> None:
    for _ in range(TRIES):
        with pytest.raises(WrongCode, match="wrong"):
            verify(user=user, code="000000", now=NOW)
    with pytest.raises(WrongCode, match="Too many wrong codes"):
        verify(user=user, code=code(ready, NOW), now=NOW)
    after = NOW + PAUSE
    verify(user=user, code=code(ready, after), now=after)
    assert SecondFactor.objects.get().failures == 0


def test_verify__of_somebody_else__is_their_own_matter(ready: SecondFactor) -> None:
    other = User.objects.create_user("ben")
    with pytest.raises(WrongCode):
        verify(user=other, code=code(ready, NOW), now=NOW)
    assert SecondFactor.objects.get().failures == 0


@pytest.mark.django_db(transaction=True)
def test_verify__one_code_from_many_at_once__opens_once(ready: SecondFactor, user: User) -> None:
    def enter() -> Any:
        verify(user=user, code=code(ready, NOW), now=NOW)
        return "open"

    assert sorted(str(each) == "open" for each in in_threads(*[enter] * 4)) == [False, False, False, True]


def test_remove__takes_a_code(ready: SecondFactor, user: User) -> None:
    with pytest.raises(WrongCode):
        remove(user=user, code="000000", now=NOW)
    assert is_ready(user=user)
    remove(user=user, code=code(ready, NOW), now=NOW)
    assert not SecondFactor.objects.exists()
