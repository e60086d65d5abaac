"""One disaster after another under load, each judged when everybody has had their answer."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.judge import breaches
from tests.chaos.tills import Till, tills_at_work
from tests.chaos.world import DISASTERS, World

TILLS = 6
_ANSWERS_BEFORE = 60
_UNDER_WAY_WITHIN_S = 120.0


@dataclass(frozen=True)
class Round:
    """One disaster: what was answered around it, how often a till had to try again, what broke."""

    name: str
    number: int
    events: int
    in_vain: int
    seconds: float
    breaches: list[str]

    def __str__(self) -> str:
        verdict = "holds" if not self.breaches else "BROKEN: " + "; ".join(self.breaches)
        return (
            f"{self.name:9} {self.number:3}  {self.events:6} events answered,"
            f" {self.in_vain:5} tries in vain, {self.seconds:5.1f} s  {verdict}"
        )


def rounds(
    world: World, names: list[str], *, seed: int, tell: Callable[[Round], None]
) -> list[Round]:
    """Break the world in each of these ways, in this order; answers what came of it."""
    everyone: list[Till] = []
    told = []
    for number, name in enumerate(names, 1):
        chance = random.Random(f"{seed} {name} {number}")  # noqa: S311 - blows, not secrets
        began = time.monotonic()
        with tills_at_work(
            world.api.address, world.key, count=TILLS, seed=chance.randrange(10**9)
        ) as tills:
            while sum(len(till.answers) for till in tills) < _ANSWERS_BEFORE:
                assert time.monotonic() - began < _UNDER_WAY_WITHIN_S, "nobody is answered"
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 1.2))
            DISASTERS[name](world, chance)
            world.api.until_ready()
            time.sleep(chance.uniform(0.1, 0.3))
        everyone += tills
        round_ = Round(
            name,
            number,
            sum(len(till.answers) for till in tills),
            sum(till.in_vain for till in tills),
            time.monotonic() - began,
            breaches(world.database_url, everyone),
        )
        tell(round_)
        told.append(round_)
    return told
