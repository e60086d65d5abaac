"""`make chaos`: break everything, many times, and see that the ledger lost and doubled nothing;
then try the suite's properties on other examples, and ask the API everything that its document
lets one ask.

    python -m tests.chaos --times 50 --seed 7 --only disk

The seed decides when and how each blow falls; the machine decides what it meets.
"""

import argparse
import os
import secrets
import signal
import subprocess
import sys
import time

from bench.program import ROOT
from tests.chaos.rounds import Round, rounds
from tests.chaos.world import (
    DISASTERS,
    CannotMountError,
    ordinary_disk,
    small_disk,
    world,
)

# What asks the same each time in `make test`.
_PROPERTIES = (
    "tests/unit",
    "tests/integration/test_imports_fuzz.py",
    "tests/integration/test_ledger_replay.py",
    "tests/integration/test_openapi_walk.py",
)
REQUIRE_DISK = "PARSTOCK_CHAOS_REQUIRE_DISK"


def main() -> int:
    """Print a line a round; exit code 1 when anything broke, 2 when a part was left out in CI."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--times", type=int, default=50, help="how often each disaster (50)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument(
        "--walk", type=int, default=200, help="requests to each operation of the API after it (200)"
    )
    parser.add_argument("--only", choices=DISASTERS, action="append", help="these disasters only")
    asked = parser.parse_args()
    # Whoever ends it has all that it started ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    names = asked.only or list(DISASTERS)
    print(f"{asked.times} times each of {', '.join(names)}; seed {asked.seed}", flush=True)
    began = time.monotonic()
    done: list[Round] = []
    on_a_disk = [name for name in names if name != "disk"]
    if on_a_disk:
        with ordinary_disk() as folder, world(folder) as made:
            # Turn by turn, so that each meets what the others left.
            done += rounds(made, on_a_disk * asked.times, seed=asked.seed, tell=_tell)
    left_out = False
    if "disk" in names:
        try:
            with small_disk() as folder, world(folder) as made:
                done += rounds(made, ["disk"] * asked.times, seed=asked.seed, tell=_tell)
        except CannotMountError as error:
            left_out = True
            print(f"LEFT OUT: the full disk, since no small disk can be made here ({error}).")
    broken = [round_ for round_ in done if round_.breaches]
    print(
        f"{len(done)} disasters in {(time.monotonic() - began) / 60:.1f} min,"
        f" {sum(round_.events for round_ in done)} events answered,"
        f" {len(broken)} broken; seed {asked.seed}"
    )
    if broken or not _ask_otherwise(asked.walk, asked.seed):
        return 1
    return 2 if left_out and os.environ.get(REQUIRE_DISK) else 0


def _ask_otherwise(examples: int, seed: int) -> bool:
    """The suite's properties with other examples, and its walk through the API with more of them;
    whether all was as promised.
    """
    if examples == 0:
        return True
    return (
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", f"--hypothesis-seed={seed}"),
                *_PROPERTIES,
            ],
            cwd=ROOT,
            env={**os.environ, "PARSTOCK_WALK_EXAMPLES": str(examples)},
            check=False,
        ).returncode
        == 0
    )


def _tell(round_: Round) -> None:
    print(round_, flush=True)


if __name__ == "__main__":
    sys.exit(main())
