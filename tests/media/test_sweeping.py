"""Files end with their rows; what dead processes left behind goes, and nothing that a row names ever does."""

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from quixess import media
from quixess.database import ids
from quixess.database.core import Database
from quixess.media import Expected, catalogue, sweeping
from quixess.media.store import Disk
from tests.media import files


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "media")


async def keep(db: Database, disk: Disk, data: bytes, *, days_old: int = 0, brand_id: UUID | None = None) -> str:
    """Store a file with its row, as fetching does; returns its hash."""
    wanted = Expected(brand_id or ids.new(), ids.new(), ids.new(), ids.new(), "1", "image/jpeg", None, None)
    async with db.transaction() as tx:
        await media.expect(tx, [wanted])
        todos = await catalogue.claim(tx, ids.new(), lease_s=60, limit=8, of_one_brand=8, busy=[])
    (todo,) = [one for one in todos if one.id == wanted.id]
    sha256 = orphan(disk, data)
    async with db.transaction() as tx:
        await catalogue.finish(tx, todo, sha256=sha256, size=len(data))
        await tx.execute("UPDATE media SET created_at = now() - $2 * interval '1 day' WHERE id = $1", todo.id, days_old)
    return sha256


def orphan(disk: Disk, data: bytes) -> str:
    """Put a file that no row names."""
    with disk.draft() as path:
        path.write_bytes(data)
        disk.put(path, files.digest(data))
    return files.digest(data)


def there(disk: Disk) -> list[str]:
    return sorted(sha256 for shelf in disk.shelves() for sha256 in disk.hashes(shelf))


async def test_old_rows_go_and_take_their_files_along(db: Database, disk: Disk) -> None:
    await keep(db, disk, b"old", days_old=91)
    young = await keep(db, disk, b"young", days_old=89)

    assert await sweeping.sweep(db, disk, keep_days=90) == (1, 1)
    assert there(disk) == [young]
    assert await sweeping.sweep(db, disk, keep_days=90) == (0, 0)


async def test_a_file_that_another_brands_younger_row_names_stays(db: Database, disk: Disk) -> None:
    await keep(db, disk, b"same", days_old=91)
    shared = await keep(db, disk, b"same", days_old=1)

    assert await sweeping.sweep(db, disk, keep_days=90) == (1, 0)
    assert there(disk) == [shared]


async def test_a_file_whose_process_died_before_the_commit_is_found(db: Database, disk: Disk) -> None:
    orphan(disk, b"nobody's")
    kept = await keep(db, disk, b"somebody's")

    assert await sweeping.sweep(db, disk, keep_days=90) == (0, 1)
    assert there(disk) == [kept]


async def test_a_file_that_is_just_being_stored_is_left_alone(db: Database, disk: Disk) -> None:
    sha256 = orphan(disk, b"about to be named")
    async with db.transaction() as tx:
        await catalogue.lock(tx, sha256)
        assert await sweeping.sweep(db, disk, keep_days=90) == (0, 0)

    assert there(disk) == [sha256]


async def test_a_todo_ends_with_its_row(db: Database, disk: Disk) -> None:
    wanted = Expected(ids.new(), ids.new(), ids.new(), ids.new(), "1", "image/jpeg", None, None)
    async with db.transaction() as tx:
        await media.expect(tx, [wanted])
        await tx.execute("UPDATE media SET created_at = now() - interval '91 days'")
        assert await catalogue.forget(tx, age=timedelta(days=90), limit=10) == 1
        assert await tx.rows("SELECT id FROM media_todo") == []


async def test_drafts_of_dead_processes_go_and_those_of_living_ones_stay(disk: Disk) -> None:
    with disk.draft() as living, disk.draft() as dead:
        past = time.time() - 3700
        os.utime(dead, (past, past))
        await asyncio.to_thread(disk.tidy)
        assert (living.exists(), dead.exists()) == (True, False)


async def test_a_store_that_was_never_written_to_is_swept_in_peace(db: Database, disk: Disk) -> None:
    assert await sweeping.sweep(db, disk, keep_days=90) == (0, 0)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "/" * 64])
def test_a_name_that_is_no_hash_never_becomes_a_path(disk: Disk, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        disk.open(name)
