"""An operator at the management API's templates, and what the tenant hears of it."""

from dataclasses import dataclass
from typing import Any

import msgspec

from quixess import access
from quixess.templates.drafts import TemplateDraft
from tests.world import Answer, World, eventually

PREFIX = "/api/v1/whatsapp/brands/Bordercart"


@dataclass
class Operator:
    """Somebody with an operator token."""

    world: World
    token: str

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"}
        if isinstance(body, msgspec.Struct):
            body = msgspec.to_builtins(body)
        return await self.world.call(method, PREFIX + path, key="", body=body, headers=headers)

    async def create(self, draft: TemplateDraft) -> dict[str, Any]:
        answer = await self.ask("POST", "/templates", draft)
        assert answer.status == 201, answer.json
        made: dict[str, Any] = answer.json
        return made

    async def approved(self, draft: TemplateDraft) -> dict[str, Any]:
        """Create a template and wait until the cache has it approved."""
        made = await self.create(draft)

        async def is_so() -> bool:
            return await self.status(draft.name, draft.language) == "APPROVED"

        await eventually(is_so)
        return made

    async def status(self, name: str, language: str = "en_US") -> str | None:
        rows = await self.world.rows("SELECT status FROM template WHERE name = $1 AND language = $2", name, language)
        return rows[0]["status"] if rows else None


async def operator(world: World) -> Operator:
    async with world.rooms.db.transaction() as tx:
        secret, _ = await access.mint_operator_token(tx, world.rooms.keyring, name="ops", actor="test")
    return Operator(world, secret)


def broken(answer: Answer) -> list[tuple[str, str]]:
    return [(error["code"], error["pointer"]) for error in answer.json["errors"]]


async def at_meta(world: World, name: str) -> list[dict[str, Any]]:
    """What the simulated Meta lists of a name."""
    answer = await world.meta.graph("GET", f"{world.meta.world['waba_id']}/message_templates", params={"name": name})
    return [one for one in answer.json["data"] if one["name"] == name]
