"""An API over a PostgreSQL that waits for its disk, and the ways in which both are broken."""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.program import free_port
from db.embedded import EmbeddedPostgres, embedded_postgres
from db.migrate import migrate
from tests.chaos.proxy import Cable
from tests.integration.ledger_shop import furnish
from tests.processes import ApiProcess

_TMPFS_BYTES = 256_000_000
# Small WAL files' worth, so that a small disk is enough for thousands of events.
_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
    "max_connections": "60",
    "shared_buffers": "32MB",
}
_LEFT_AT_MOST_BYTES = 200_000
_FULL_WITHIN_S = 60.0
_TRIES_TO_FILL = 20


@dataclass
class World:
    """What is broken; `folder` is the disk that PostgreSQL lives on."""

    folder: Path
    cluster: EmbeddedPostgres
    database_port: int
    cable: Cable
    api: ApiProcess
    key: str

    def start_database(self) -> None:
        """As the supervisor does, and by no other hand."""
        self.cluster.start(port=self.database_port, settings=_SETTINGS)

    def start_api(self) -> None:
        self.api.start()
        self.api.until_ready()

    @property
    def times_the_disk_was_full(self) -> int:
        return self.cluster.log.read_bytes().count(b"No space left on device")

    @property
    def database_url(self) -> str:
        return self.cluster.url()


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A shop that sells, on the disk that `folder` lies on; the API reaches it over the cable."""
    # Its log lies beside the disk, so that a full one can be told.
    cluster = replace(embedded_postgres(folder), log=folder.with_name("postgres.log"))
    database_port, cable_port = free_port(), free_port()
    api: ApiProcess | None = None
    cable: Cable | None = None
    try:
        cluster.start(port=database_port, settings=_SETTINGS)
        cluster.create_database()
        migrate(cluster.url())
        key = furnish(cluster.url())
        cable = Cable(cable_port, database_port)
        over_the_cable = cluster.url().replace(f":{database_port}/", f":{cable_port}/")
        api = ApiProcess(over_the_cable)
        made = World(folder, cluster, database_port, cable, api, key)
        made.start_api()
        yield made
    finally:
        if api is not None:
            api.kill()
        if cable is not None:
            cable.close()
        cluster.stop()


@contextmanager
def ordinary_disk() -> Iterator[Path]:
    """A folder, alone in one that is wiped afterwards."""
    around = Path(tempfile.mkdtemp(prefix="parstock-chaos-"))
    around.chmod(0o755)
    folder = around / "disk"
    folder.mkdir(mode=0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(around, ignore_errors=True)


class CannotMountError(Exception):
    """This machine does not let us make a small disk; the message says why."""


@contextmanager
def small_disk() -> Iterator[Path]:
    """A tmpfs, which can be filled without harm to anybody else."""
    with ordinary_disk() as folder:
        options = f"size={_TMPFS_BYTES},mode=0755"
        try:
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "parstock-chaos", str(folder)],
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise CannotMountError("there is no mount here") from error
        if done.returncode != 0:
            raise CannotMountError(done.stderr.strip())
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def kill_the_api(world: World, chance: random.Random) -> None:
    world.api.kill()
    time.sleep(chance.uniform(0, 0.3))
    world.start_api()


def kill_postgres(world: World, chance: random.Random) -> None:
    world.cluster.stop(how=signal.SIGKILL)
    time.sleep(chance.uniform(0, 0.3))
    world.start_database()


def kill_both(world: World, chance: random.Random) -> None:
    deaths: list[Callable[[], None]] = [
        world.api.kill,
        partial(world.cluster.stop, how=signal.SIGKILL),
    ]
    chance.shuffle(deaths)
    for death in deaths:
        death()
    # Whoever starts the API does not wait for the database, and the other way round.
    world.api.start()
    time.sleep(chance.uniform(0, 0.3))
    world.start_database()
    world.api.until_ready()


def cut_the_cable(world: World, chance: random.Random) -> None:
    """With or without a moment in which answers are lost and nobody knows."""
    if chance.random() < 0.5:
        world.cable.hush()
        time.sleep(chance.uniform(0, 0.5))
    world.cable.cut()
    time.sleep(chance.uniform(0, 1.5))
    world.cable.mend()


def _take_all_but(ballast: Path, left_bytes: int) -> None:
    """What the database takes between the look and the taking is left to it."""
    for _ in range(_TRIES_TO_FILL):
        status = os.statvfs(ballast.parent)
        size = max(1, status.f_bavail * status.f_frsize - left_bytes)
        with ballast.open("wb") as file, suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, size)
            return


def fill_the_disk(world: World, chance: random.Random) -> None:
    """Leave so little that soon the next page or log file finds no room; make room again after."""
    ballast = world.folder / "ballast"
    refused_before = world.times_the_disk_was_full
    _take_all_but(ballast, chance.randrange(_LEFT_AT_MOST_BYTES))
    try:
        give_up_at = time.monotonic() + _FULL_WITHIN_S
        while world.times_the_disk_was_full == refused_before:
            assert time.monotonic() < give_up_at, "the disk was never full"
            time.sleep(0.05)
        time.sleep(chance.uniform(0, 1.5))
        # What keeps it running tries to, disk or not.
        if world.cluster.pid() is None:
            with suppress(Exception):
                world.start_database()
    finally:
        ballast.unlink()
    world.start_database()


DISASTERS = {
    "api": kill_the_api,
    "postgres": kill_postgres,
    "both": kill_both,
    "cut": cut_the_cable,
    "disk": fill_the_disk,
}
