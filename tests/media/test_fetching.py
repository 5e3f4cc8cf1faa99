"""From the id in a webhook to verified bytes on disk, whatever Meta's servers do on the way."""

import asyncio
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from quixess import connections, media
from quixess.database import ids
from quixess.database.core import Database
from quixess.media import Expected, catalogue
from tests.media import files
from tests.world import World, building, eventually, free_port, listening


async def test_a_photo_is_fetched_at_once_and_kept_under_its_hash(world: World) -> None:
    photo = await files.sent(world, sha256=files.base64_digest(files.JPEG))

    row = await files.ended(world, photo)
    assert (row["state"], row["reason"]) == ("stored", None)
    assert (row["sha256"], row["size"]) == (files.digest(files.JPEG), len(files.JPEG))
    digest = row["sha256"]
    place = files.folder(world) / digest[:2] / digest[2:4] / digest
    assert place.read_bytes() == files.JPEG
    assert place.stat().st_mode & 0o777 == 0o600
    assert files.drafts(world) == []
    assert await world.rows("SELECT id FROM media_todo") == []


@pytest.mark.parametrize("write", [files.digest, files.base64_digest, lambda data: files.digest(data).upper()])
async def test_the_digest_of_the_webhook_counts_in_each_encoding(world: World, write) -> None:
    right = await files.sent(world, sha256=write(files.JPEG))
    wrong = await files.sent(world, sha256=write(files.PNG))

    assert (await files.ended(world, right))["state"] == "stored"
    refused = await files.ended(world, wrong)
    assert (refused["state"], refused["reason"]) == ("failed", "The bytes are not those whose SHA-256 Meta told.")


@pytest.mark.parametrize("fault", ["wrong_bytes", "short", "cut", "error", "html", "not_found"])
async def test_what_goes_wrong_once_is_got_right_the_next_time(world: World, fault: str) -> None:
    await files.fault(world, fault)
    photo = await files.sent(world)

    assert (await files.ended(world, photo))["state"] == "stored"
    assert files.on_disk(world) == [files.digest(files.JPEG)]
    assert files.drafts(world) == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("wrong_bytes", "The bytes are not those whose SHA-256 Meta told."),
        ("short", f"Meta says {len(files.JPEG):,} bytes, and {len(files.JPEG) // 2:,} came."),
        ("html", "Meta says "),
    ],
)
async def test_bytes_that_are_never_what_meta_said_are_given_up_and_never_served(
    world: World, fault: str, says: str
) -> None:
    await files.fault(world, fault, count=3)
    photo = await files.sent(world)

    row = await files.ended(world, photo)
    assert row["state"] == "failed"
    assert row["reason"].startswith(says)
    answer = await files.get(world, photo)
    assert (answer.status, answer.json["code"]) == (409, "media_failed")
    assert says in answer.json["detail"]
    assert files.on_disk(world) == []


async def test_an_outage_before_does_not_count_among_the_three_wrong_ones(world: World) -> None:
    await files.fault(world, "error", count=3)
    await files.fault(world, "wrong_bytes", count=2)
    photo = await files.sent(world)

    assert (await files.ended(world, photo))["state"] == "stored"


async def test_a_disk_that_takes_nothing_is_waited_for(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "full").write_text("a file where the folder should be")
    async with building(dsn, tmp_path, media_dir=tmp_path / "full" / "media") as world:
        photo = await files.sent(world)

        async def in_trouble() -> bool:
            return bool((await files.row(world, photo))["reason"] == "The file could not be written to disk here.")

        await eventually(in_trouble)
        await asyncio.to_thread((tmp_path / "full").unlink)
        assert (await files.ended(world, photo))["state"] == "stored"


async def test_bytes_of_another_kind_than_the_type_are_refused_at_once_though_their_hash_is_right(world: World) -> None:
    page = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
    photo = await files.sent(world, page, "image/jpeg", sha256=files.base64_digest(page))

    row = await files.ended(world, photo)
    assert (row["state"], row["reason"]) == ("failed", "Meta says image/jpeg, and the bytes are something else.")
    assert files.on_disk(world) == []


async def test_a_file_that_meta_no_longer_has_is_gone_at_once(world: World) -> None:
    photo = await files.expect(world, "1234567890123456")

    assert (await files.ended(world, photo))["state"] == "gone"
    answer = await files.get(world, photo)
    assert (answer.status, answer.json["code"]) == (410, "media_gone")


@pytest.mark.parametrize("meta_id", ["", "../me", "1/2", "1?x=y", "9" * 200])
async def test_an_id_that_is_none_is_never_asked_for(world: World, meta_id: str) -> None:
    photo = await files.expect(world, meta_id)

    row = await files.ended(world, photo)
    assert (row["state"], row["reason"]) == ("failed", "Meta's id of the file is none.")


async def test_a_redirect_to_a_host_that_is_not_metas_is_not_followed(world: World) -> None:
    async with listening() as trap:
        await files.fault(world, "redirect", to=trap.url, count=3)
        photo = await files.sent(world)

        row = await files.ended(world, photo)
        assert row["state"] == "failed"
        assert "a host that is not Meta's" in row["reason"]
        assert trap.got == []


async def test_files_on_a_port_of_their_own_are_fetched_from_there_when_it_is_trusted(dsn: str, tmp_path: Path) -> None:
    port = free_port()
    async with building(dsn, tmp_path, media_port=port, meta_media_origins=(f"http://127.0.0.1:{port}",)) as world:
        photo = await files.sent(world)

        assert (await files.ended(world, photo))["state"] == "stored"
        told = await world.meta.graph("GET", await files.lay(world))
        assert f":{port}/" in told.json["url"]


async def test_files_on_another_port_are_not_fetched_unless_it_is_trusted(dsn: str, tmp_path: Path) -> None:
    port = free_port()
    async with building(
        dsn, tmp_path, media_port=port, meta_media_origins=("http://127.0.0.1:1", f"https://127.0.0.1:{port}")
    ) as world:
        photo = await files.sent(world)

        row = await files.ended(world, photo)
        assert row["state"] == "failed"
        assert "a host that is not Meta's" in row["reason"]
        assert files.on_disk(world) == []


async def test_a_connection_without_a_living_token_waits_and_is_no_try(world: World) -> None:
    await world.rows("UPDATE connection SET state = 'unauthorized'")
    photo = await files.sent(world)

    async def parked() -> bool:
        return bool((await files.row(world, photo))["reason"])

    await eventually(parked)
    (todo,) = await world.rows("SELECT *, next_at > now() + interval '30 seconds' AS later FROM media_todo")
    assert (todo["tries"], todo["lease"], todo["later"]) == (0, None, True)
    answer = await files.get(world, photo)
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "media_not_ready", "5")
    assert "The WhatsApp connection is unauthorized: reconnect it." in answer.json["detail"]

    await world.rows("UPDATE connection SET state = 'active'")
    await world.rows("UPDATE media_todo SET next_at = now()")
    assert (await files.ended(world, photo))["state"] == "stored"


async def test_a_token_that_meta_refuses_marks_the_connection(world: World) -> None:
    meta_id = await files.lay(world)
    async with world.rooms.db.transaction() as tx:
        facts = connections.Facts(
            app_id=world.meta.world["app_id"],
            app_secret=world.meta.world["app_secret"],
            verify_token=world.meta.world["verify_token"],
            waba_id=world.meta.world["waba_id"],
            phone_number_id=world.meta.world["phone_number_id"],
            display_phone=world.meta.world["display_phone_number"],
            token="EAAexpired",
            graph_url=world.meta.base_url,
        )
        await connections.connect(tx, world.rooms.keyring, world.brand_id, facts)
    photo = await files.expect(world, meta_id)

    async def unauthorized() -> bool:
        (row,) = await world.rows("SELECT state FROM connection")
        return bool(row["state"] == "unauthorized")

    await eventually(unauthorized)
    assert (await files.row(world, photo))["state"] == "waiting"


async def test_old_troubles_end_after_five_days_and_a_lost_connection_after_seven(world: World) -> None:
    await files.fault(world, "error", count=1000)
    failing = await files.sent(world)
    await world.rows("UPDATE media SET created_at = now() - interval '5 days 1 hour'")
    row = await files.ended(world, failing)
    assert (row["state"], row["reason"]) == ("failed", "The file did not arrive: HTTP 500 for the file.")

    await world.rows("UPDATE connection SET state = 'disconnected'")
    parked = await files.sent(world)
    await world.rows("UPDATE media SET created_at = now() - interval '7 days 1 hour' WHERE id = $1", parked)
    await world.rows("UPDATE media_todo SET next_at = now()")
    assert (await files.ended(world, parked))["state"] == "gone"


async def test_the_same_bytes_twice_are_one_file(world: World) -> None:
    one, two = await files.sent(world), await files.sent(world)

    assert (await files.ended(world, one))["sha256"] == (await files.ended(world, two))["sha256"]
    assert files.on_disk(world) == [files.digest(files.JPEG)]


async def test_a_file_told_of_twice_under_one_id_is_fetched_once(world: World) -> None:
    photo = await files.sent(world)
    await files.ended(world, photo)
    again = replace(expected(world.brand_id), id=photo)
    async with world.rooms.db.transaction() as tx:
        await media.expect(tx, [again, again])

    assert await world.rows("SELECT id FROM media_todo") == []
    assert len(await world.rows("SELECT id FROM media")) == 1


async def test_one_brands_flood_leaves_places_for_another(db: Database) -> None:
    bordercart, rival = ids.new(), ids.new()
    async with db.transaction() as tx:
        await media.expect(tx, [*(expected(bordercart) for _ in range(50)), expected(rival)])

    claimed = await claim(db, busy=[])
    assert (claimed.count(bordercart), claimed.count(rival)) == (4, 1)
    assert await claim(db, busy=[bordercart] * 3) == [bordercart]
    assert await claim(db, busy=[bordercart] * 4) == []


async def claim(db: Database, *, busy: list[UUID]) -> list[UUID]:
    async with db.transaction() as tx:
        todos = await catalogue.claim(tx, ids.new(), lease_s=60, limit=8, of_one_brand=4, busy=busy)
    return [todo.brand_id for todo in todos]


def expected(brand_id: UUID) -> Expected:
    return Expected(brand_id, ids.new(), ids.new(), ids.new(), "1", "image/jpeg", None, None)
