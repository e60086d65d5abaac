"""The short form of `make chaos`: each disaster once, with the same code."""

import os

import pytest

from tests.chaos.__main__ import REQUIRE_DISK
from tests.chaos.rounds import Round, rounds
from tests.chaos.world import CannotMountError, ordinary_disk, small_disk, world

SEED = 2026

pytestmark = pytest.mark.timeout(280)


def _assert_all_held(told: list[Round]) -> None:
    assert [str(round_) for round_ in told if round_.breaches] == []
    assert all(round_.events > 50 for round_ in told), "the load was too small to prove anything"


def test_sigkill_and_a_cut_connection_lose_and_double_nothing() -> None:
    with ordinary_disk() as folder, world(folder) as shop:
        names = ["api", "postgres", "both", "cut"]
        _assert_all_held(rounds(shop, names, seed=SEED, tell=print))


def test_a_full_disk_loses_and_doubles_nothing() -> None:
    try:
        with small_disk() as folder, world(folder) as shop:
            told = rounds(shop, ["disk"], seed=SEED, tell=print)
    except CannotMountError as error:
        if os.environ.get(REQUIRE_DISK):
            raise
        pytest.skip(f"left out: no small disk can be made here ({error})")
    _assert_all_held(told)
