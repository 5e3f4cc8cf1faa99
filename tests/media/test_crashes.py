"""kill -9 between the bytes and the commit: the file comes all the same, once, and nothing of it is left over."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.processes import Site, site_over
from tests.media import files
from tests.world import PHONE, eventually

pytestmark = pytest.mark.crash


@pytest.fixture
async def site(dsn: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with site_over(dsn, tmp_path) as one:
        yield one


async def photo(site: Site) -> None:
    """Let the customer send a photo."""
    body = {"mime_type": "image/jpeg", "data_base64": base64.b64encode(files.JPEG).decode()}
    media_id = (await site.meta.lever("media", body))["id"]
    await site.meta.lever(f"phones/{PHONE[1:]}/messages", {"type": "image", "image": {"id": media_id}})


async def state(site: Site) -> Any:
    rows = await site.rows("SELECT state, sha256, size FROM media")
    return tuple(rows[0]) if rows and rows[0]["state"] != "waiting" else None


@pytest.mark.parametrize("step", ["media.after_download", "media.before_commit"])
async def test_a_photo_whose_process_died_is_fetched_by_the_next(site: Site, tmp_path: Path, step: str) -> None:
    await site.open(fail_at=step)
    await photo(site)
    await site.restart(step)

    assert await eventually(lambda: state(site)) == ("stored", files.digest(files.JPEG), len(files.JPEG))
    assert await site.rows("SELECT id FROM media_todo") == []
    (kept,) = (tmp_path / "media").glob("??/??/*")
    assert kept.read_bytes() == files.JPEG
