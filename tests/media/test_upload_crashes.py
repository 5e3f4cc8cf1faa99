"""kill -9 in the middle of an upload: what nobody was told of counts for nobody, and nothing of it stays."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from quixess.media import sweeping
from quixess.media.store import Disk
from tests.crash.processes import Site, site_over
from tests.media import files, uploads
from tests.world import eventually

pytestmark = pytest.mark.crash


@pytest.fixture
async def site(dsn: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with site_over(dsn, tmp_path) as one:
        yield one


async def upload(site: Site) -> int | None:
    headers = {"X-API-Key": site.demo.full_key}
    try:
        async with site.http.post(site.first.url + uploads.PATH, data=uploads.form(files.JPEG), headers=headers) as got:
            await got.read()
            return got.status
    except (aiohttp.ClientError, OSError):
        return None


@pytest.mark.parametrize("step", ["media.after_store", "media.after_upload", "media.in_finish"])
async def test_a_file_whose_process_died_is_nobodys_and_goes(site: Site, tmp_path: Path, step: str) -> None:
    await site.open(fail_at=step)
    assert await upload(site) is None
    await site.restart(step)

    assert [tuple(row) for row in await site.rows("SELECT state, source FROM media")] == [("uploading", "upload")]
    assert await site.rows("SELECT media_id FROM media_handle") == []
    disk = Disk(tmp_path / "media")
    assert await sweeping.sweep(site.on.db, disk, keep_days=90) == (0, 0)
    await site.rows("UPDATE media SET created_at = now() - interval '61 minutes'")
    await sweeping.sweep(site.on.db, disk, keep_days=90)  # the new process sweeps as well: either takes it away
    await eventually(lambda: not list((tmp_path / "media").glob("??/??/*")))
    assert await site.rows("SELECT id FROM media") == []
    assert await upload(site) == 200
