"""How often something may be tried."""

import pytest

from api.identity.throttle import Buckets, SignInLimits, network_of
from api.problems import TooManyRequests
from api.settings import SignInSettings


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limits(clock: Clock, *, here: int = 3, account: int = 5, address: int = 9) -> SignInLimits:
    settings = SignInSettings(
        tries_per_hour_of_account_at_address=here,
        tries_per_hour_of_account=account,
        tries_per_hour_at_address=address,
    )
    return SignInLimits(settings, clock=clock)


def tries_until_refused(guarded: SignInLimits, username: str, address: str) -> int:
    for number in range(1000):
        try:
            guarded.admit(username, address)
        except TooManyRequests:
            return number
    raise AssertionError("it was never refused")


def test_a_bucket_gives_its_burst_then_one_at_a_time(clock: Clock) -> None:
    buckets = Buckets(per_second=2.0, burst=3.0, clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.take("a") == 0.5
    assert buckets.take("b") == 0.0
    clock.now += 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == 0.5
    clock.now += 3600
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_an_account_is_tried_so_often_from_one_address_and_no_one_waits_long(clock: Clock) -> None:
    guarded = limits(clock)
    assert tries_until_refused(guarded, "maria", "10.0.0.1") == 3
    with pytest.raises(TooManyRequests) as refused:
        guarded.admit("maria", "10.0.0.1")
    assert refused.value.headers["Retry-After"] == "1200"
    clock.now += 1200
    guarded.admit("maria", "10.0.0.1")


def test_a_name_that_nobody_has_is_slowed_down_alike(clock: Clock) -> None:
    guarded = limits(clock)
    known = tries_until_refused(guarded, "maria", "10.0.0.1")
    assert tries_until_refused(guarded, "nobody", "10.0.0.2") == known


def test_a_name_is_the_same_however_it_is_written(clock: Clock) -> None:
    guarded = limits(clock)
    tries_until_refused(guarded, "maria", "10.0.0.1")
    with pytest.raises(TooManyRequests):
        guarded.admit(" MARIA", "10.0.0.1")


def test_guesses_from_everywhere_do_not_lock_the_owner_out_where_they_sign_in(
    clock: Clock,
) -> None:
    guarded = limits(clock)
    guarded.admit("maria", "10.0.0.1")
    guarded.succeeded("maria", "10.0.0.1")
    for number in range(20):
        tries_until_refused(guarded, "maria", f"192.0.2.{number}")
    assert tries_until_refused(guarded, "maria", "198.51.100.7") == 0
    guarded.admit("maria", "10.0.0.1")


def test_an_address_that_tries_many_names_is_slowed_down(clock: Clock) -> None:
    guarded = limits(clock)
    for number in range(9):
        guarded.admit(f"user-{number}", "10.0.0.1")
    assert tries_until_refused(guarded, "another", "10.0.0.1") == 0
    guarded.admit("another", "10.0.0.2")


def test_right_passwords_do_not_count(clock: Clock) -> None:
    guarded = limits(clock)
    for _ in range(50):
        guarded.admit("maria", "10.0.0.1")
        guarded.succeeded("maria", "10.0.0.1")
    assert tries_until_refused(guarded, "maria", "10.0.0.1") == 3


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown", "unknown"),
    ],
)
def test_addresses_of_one_customer_are_one(address: str, network: str) -> None:
    assert network_of(address) == network
