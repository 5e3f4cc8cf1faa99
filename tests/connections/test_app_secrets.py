"""An app's secret gives way to a new one, and no webhook is lost meanwhile."""

import hashlib
import hmac
from datetime import timedelta

import pytest

from quixess import connections
from quixess.connections import NotConnectable
from tests.world import PHONE, World, eventually

BODY = b'{"object":"whatsapp_business_account","entry":[]}'


async def hears(world: World, secret: str) -> int:
    """Post a webhook signed with a secret."""
    signature = "sha256=" + hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}
    path = f"/webhooks/meta/{world.meta.world['app_id']}"
    async with world.http.post(world.url + path, data=BODY, headers=headers) as answer:
        return answer.status


async def answers(world: World, secret: str, status: int) -> bool:
    """A process keeps secrets for five seconds: until then the change has not reached it."""
    return bool(await eventually(lambda: _is(world, secret, status)))


async def _is(world: World, secret: str, status: int) -> bool:
    return await hears(world, secret) == status


async def reset_at_meta(world: World, **how: bool) -> str:
    told = await world.meta.lever(f"apps/{world.meta.world['app_id']}", {"reset_secret": True} | how)
    return str(told["secret"])


async def test_both_secrets_verify_during_the_overlap_and_sends_go_on(world: World):
    app_id, old = world.meta.world["app_id"], world.meta.world["app_secret"]
    new = await reset_at_meta(world, overlap=True)

    assert await world.rooms.parting.rotate_secret(app_id, new, overlap=timedelta(hours=1), actor="test")

    assert await answers(world, old, 200)
    assert await answers(world, new, 200)
    assert await answers(world, "not-a-secret-of-this-app", 401)
    assert (await world.send_otp(PHONE)).status == 200
    again = await world.rooms.parting.rotate_secret(app_id, new, overlap=timedelta(hours=1), actor="test")
    assert again is False


async def test_a_number_that_reconnects_while_the_secret_changes_does_not_bring_the_old_one_back(world: World):
    app_id, old = world.meta.world["app_id"], world.meta.world["app_secret"]
    new = await reset_at_meta(world, overlap=True)
    await world.rooms.parting.rotate_secret(app_id, new, overlap=timedelta(hours=1), actor="test")

    async with world.rooms.db.transaction() as tx:  # what `reconnect` keeps of an app that it read before
        app = await connections.find_app(tx, world.rooms.keyring, app_id)
        assert app is not None
        await connections.keep_app(tx, world.rooms.keyring, app_id, old, app.verify_token, app.graph_url)
        kept = await connections.find_app(tx, world.rooms.keyring, app_id)

    assert kept is not None
    assert kept.secrets == (new.encode(), old.encode())


async def test_without_an_overlap_the_old_secret_is_gone(world: World):
    app_id, old = world.meta.world["app_id"], world.meta.world["app_secret"]
    new = await reset_at_meta(world)

    await world.rooms.parting.rotate_secret(app_id, new, overlap=timedelta(), actor="test")

    assert await answers(world, old, 401)
    assert await answers(world, new, 200)


async def test_an_overlap_can_be_ended_and_ends_by_itself(world: World):
    app_id = world.meta.world["app_id"]
    new = await reset_at_meta(world)
    await world.rooms.parting.rotate_secret(app_id, new, overlap=timedelta(hours=1), actor="test")
    async with world.rooms.db.transaction() as tx:
        await tx.execute("UPDATE meta_app SET previous_secret_until = now() - interval '1 second'")

    assert await answers(world, world.meta.world["app_secret"], 401)
    assert await world.rooms.parting.end_overlap(app_id, actor="test") is True
    assert await world.rooms.parting.end_overlap(app_id, actor="test") is False


async def test_a_secret_that_meta_does_not_take_changes_nothing(world: World):
    app_id = world.meta.world["app_id"]

    with pytest.raises(NotConnectable, match="page Basic"):
        await world.rooms.parting.rotate_secret(app_id, "0" * 32, overlap=timedelta(hours=1), actor="test")

    assert await answers(world, world.meta.world["app_secret"], 200)
    assert await answers(world, "0" * 32, 401)


async def test_an_unknown_app_has_no_secret_to_change(world: World):
    with pytest.raises(NotConnectable, match="not known here"):
        await world.rooms.parting.rotate_secret("4242", "0" * 32, overlap=timedelta(), actor="test")
