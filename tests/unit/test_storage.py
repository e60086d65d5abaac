"""A full disk refuses what would be recorded, and nothing else, for as long as it is full."""

from pathlib import Path

import pytest

from api.storage import DiskFull, Storage


class Disk:
    """A clock and a disk that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.free = 1_000

    def storage(self, folder: Path | None = Path("/data")) -> Storage:
        return Storage(
            folder,
            reserve_bytes=500,
            retry_s=5.0,
            clock=lambda: self.now,
            free_bytes=lambda folder: self.free,
        )


def test_below_the_reserve_it_is_full_and_recovers_by_itself() -> None:
    disk = Disk()
    storage = disk.storage()
    storage.refuse_when_full()
    disk.free, disk.now = 499, disk.now + 1
    with pytest.raises(DiskFull) as refused:
        storage.refuse_when_full()
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
    disk.free, disk.now = 500, disk.now + 1
    storage.refuse_when_full()


def test_the_disk_is_looked_at_once_a_second_at_most() -> None:
    disk = Disk()
    storage = disk.storage()
    assert not storage.is_full
    disk.free, disk.now = 0, disk.now + 0.9
    assert not storage.is_full
    disk.now += 0.1
    assert storage.is_full


def test_after_the_databases_own_word_one_write_is_tried_again() -> None:
    disk = Disk()
    storage = disk.storage(folder=None)
    storage.write_was_refused()
    assert storage.is_full
    disk.now += 5.0
    assert not storage.is_full
