"""A Meta to connect to: what an operator would paste, a gateway that Meta can reach, and the management door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quixess import access
from quixess.database import ids
from tests.world import Answer, World, building, free_port


@dataclass
class Office:
    """An operator at work: a token, and a second brand that has no number yet."""

    world: World
    token: str
    brand: str

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, brand: str | None = None
    ) -> Answer:
        """Call the management API for a brand."""
        bearer = self.token if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        where = f"/api/v1/whatsapp/brands/{brand or self.brand}{path}"
        return await self.world.call(method, where, key="", body=body, headers=headers)

    def pasted(self, **other: Any) -> dict[str, Any]:
        """What an operator pastes for the simulated number."""
        known = self.world.meta.world
        return {
            "app_id": known["app_id"],
            "app_secret": known["app_secret"],
            "waba_id": known["waba_id"],
            "phone_number_id": known["phone_number_id"],
            "access_token": known["access_token"],
            "graph_url": self.world.meta.base_url,
        } | other

    async def free_the_number(self) -> None:
        """Let Bordercart, which the world connects, give its number back."""
        path = f"/connections/{ids.show('con', self.world.connection_id)}/disconnect"
        answer = await self.call("POST", path, brand="Bordercart")
        assert answer.status == 200, answer.json

    async def refused(self, **other: Any) -> dict[str, Any]:
        """Connect with something wrong; returns the problem."""
        answer = await self.call("POST", "/connections", self.pasted(**other))
        assert answer.status == 409, answer.json
        problem: dict[str, Any] = answer.json
        assert problem["code"] == "not_connectable"
        return problem


@asynccontextmanager
async def office(dsn: str, tmp_path: Path, *, public: bool = True) -> AsyncIterator[Office]:
    """A world with an operator. With `public` the gateway knows where Meta reaches it."""
    more: dict[str, Any] = {}
    if public:
        port = free_port()
        more = {"port": port, "public_url": f"http://127.0.0.1:{port}"}
    async with building(dsn, tmp_path, **more) as world:
        async with world.rooms.db.transaction() as tx:
            token, _ = await access.mint_operator_token(tx, world.rooms.keyring, name="test", actor="test")
            brand = await access.create_brand(tx, "Rival")
        yield Office(world, token, ids.show("brd", brand.id))
