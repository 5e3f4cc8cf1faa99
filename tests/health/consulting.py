"""An operator who asks how a number is, and reads the answer by the names of its checks."""

from dataclasses import dataclass
from typing import Any

from quixess import access
from quixess.database import ids
from tests.world import Answer, World


@dataclass
class Patient:
    """The number of Bordercart, and whoever looks at it."""

    world: World
    token: str

    async def ask(self, brand: str = "Bordercart", connection: str | None = None) -> Answer:
        shown = connection or ids.show("con", self.world.connection_id)
        path = f"/api/v1/whatsapp/brands/{brand}/connections/{shown}/health"
        return await self.world.call("GET", path, key="", headers={"Authorization": f"Bearer {self.token}"})

    async def checks(self) -> dict[str, dict[str, Any]]:
        """All checks by their names."""
        answer = await self.ask()
        assert answer.status == 200, answer.json
        return {check["name"]: check for check in answer.json["checks"]}

    async def one(self, name: str, state: str) -> str:
        """A check that has to be in this state, with a fix; gives what it says and the fix in one text."""
        check = (await self.checks())[name]
        assert check["state"] == state, check
        assert check["fix"], check
        return f"{check['said']} {check['fix']}"

    async def number(self, **how: Any) -> None:
        """Change the number at the simulated Meta."""
        await self.world.meta.lever(f"numbers/{self.world.meta.world['phone_number_id']}", how)

    async def write(self, sql: str, *arguments: Any) -> None:
        async with self.world.rooms.db.transaction() as tx:
            await tx.execute(sql, *arguments)


async def patient(world: World) -> Patient:
    async with world.rooms.db.transaction() as tx:
        token, _ = await access.mint_operator_token(tx, world.rooms.keyring, name="doctor", actor="test")
    return Patient(world, token)
