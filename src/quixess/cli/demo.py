"""The demo: a brand on the simulated Meta with an approved `signup_otp`, and a key that can only send codes."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from quixess import access, connections, templates
from quixess.access import Keys, Scope
from quixess.cli import ground
from quixess.cli.ground import Ground
from quixess.connections import Connection, Facts, Lines
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.events import directory
from quixess.intake import PATH
from quixess.meta import onboarding

_BRAND = "Demo"
_KEPT = "demo.json"
_KEYS = {"api_key": (Scope.SEND_OTP,), "full_key": tuple(Scope)}


@dataclass(frozen=True, slots=True)
class Demo:
    """What `quixess up` prints. `webhook_url` is None until `quixess endpoint set` was used."""

    brand_id: str
    api_key: str = field(repr=False)
    full_key: str = field(repr=False)
    webhook_url: str | None
    webhook_secret: str = field(repr=False)


async def seed(on: Ground, simulator_url: str) -> Demo:
    """Make the demo brand and connect it to the simulator, or find what an earlier start made."""
    world = await _world(simulator_url)
    kept = _read(on.settings.data_dir / _KEPT)
    async with on.db.transaction() as tx:
        brand = next((one for one in await access.list_brands(tx) if one.name == _BRAND), None)
        brand = brand or await access.create_brand(tx, _BRAND)
        connected = await connections.connect(tx, on.keyring, brand.id, _facts(world, simulator_url))
        await connections.disconnect_others(tx, brand.id, connected)
        known = await connections.active(tx, on.keyring, [brand.id])
        endpoint, _ = await directory.reserve(tx, on.keyring, brand.id)
    await _fetch_templates(on, known[brand.id])
    secrets = [await _key(on, brand, kept.get(name), scopes) for name, scopes in _KEYS.items()]
    found = Demo(ids.show("brd", brand.id), secrets[0], secrets[1], endpoint.url, endpoint.secrets[0])
    ground.write_private(on.settings.data_dir / _KEPT, {"api_key": found.api_key, "full_key": found.full_key})
    return found


async def subscribe(on: Ground, simulator_url: str, base_url: str) -> None:
    """Tell the simulated Meta where the gateway is, the way one tells Meta: app, handshake, then the WABA."""
    facts = _facts(await _world(simulator_url), simulator_url)
    lines = Lines(version=on.settings.graph_version, timeout_s=on.settings.send_timeout)
    try:
        graph = await lines.to(simulator_url)
        callback = base_url + PATH.replace("{app_id:str}", facts.app_id)
        await onboarding.subscribe_app(graph, facts.app_id, facts.app_secret, callback, facts.verify_token)
        async with on.db.transaction() as tx:
            number = (await connections.find_numbers(tx, [facts.phone_number_id]))[facts.phone_number_id]
            known = await connections.active(tx, on.keyring, [number.brand_id])
        await onboarding.subscribe_waba(graph, known[number.brand_id].credentials)
    finally:
        await lines.close()


async def _world(simulator_url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession(trust_env=False) as session, session.get(f"{simulator_url}/_sim/world") as answer:
        answer.raise_for_status()
        world: dict[str, Any] = await answer.json()
        return world


def _facts(world: dict[str, Any], simulator_url: str) -> Facts:
    return Facts(
        app_id=world["app_id"],
        app_secret=world["app_secret"],
        verify_token=world["verify_token"],
        waba_id=world["waba_id"],
        phone_number_id=world["phone_number_id"],
        display_phone=world["display_phone_number"],
        token=world["access_token"],
        graph_url=simulator_url,
        verified_name=world["verified_name"],
    )


async def _fetch_templates(on: Ground, connection: Connection) -> None:
    lines = Lines(version=on.settings.graph_version, timeout_s=on.settings.send_timeout)
    try:
        await templates.Sync(on.db, on.keyring, lines, None).run(connection)
    finally:
        await lines.close()


async def _key(on: Ground, brand: access.Brand, kept: str | None, scopes: tuple[Scope, ...]) -> str:
    """Use the key of the last start while it is good, so that a pasted curl goes on working; else mint one."""
    if kept is not None:
        try:
            caller = await Keys(on.db, on.keyring).authenticate(kept.encode())
        except QuixessError:
            pass
        else:
            if caller.brand_id == brand.id:
                return kept
    async with on.db.transaction() as tx:
        secret, _ = await access.mint_key(tx, on.keyring, brand.id, name="demo", scopes=scopes, actor="up")
    return secret


def _read(path: Path) -> dict[str, str]:
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
