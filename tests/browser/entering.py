"""People of the stories: made, given a role, and signed in without the way over the log-in page."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from playwright.async_api import BrowserContext

from quixess.people import Role, accounts, members, passwords, sessions
from quixess.people.members import Hand
from quixess.people.model import Person
from tests.world import World

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Entered:
    """Somebody who is signed in. `cookie` is what their browser sends."""

    person: Person
    token: str
    cookie: str

    @property
    def headers(self) -> dict[str, str]:
        """What a request of their browser carries, a form of our own page among it."""
        return {"Cookie": self.cookie, "Sec-Fetch-Site": "same-origin"}


async def enter(world: World, role: Role = Role.OWNER, *, brand_id: UUID | None = None, inbox: bool = False) -> Entered:
    """Make a person with a role for a brand (Bordercart), and sign them in."""
    email = f"{role.value}-{uuid4().hex[:8]}@bordercart.example"
    async with world.rooms.db.transaction() as tx:
        hashed = await passwords.make(PASSWORD)
        person = await accounts.create(tx, email=email, name=f"Anna {role.value.capitalize()}", password_hash=hashed)
        hand = Hand("test", Role.OWNER, None)
        await members.add(tx, brand_id or world.brand_id, person, role, inbox=inbox, hand=hand)
    return await sit_down(world, person)


async def sit_down(world: World, person: Person) -> Entered:
    """Sign a person in who is there."""
    async with world.rooms.db.transaction() as tx:
        token = await sessions.open_session(tx, world.rooms.keyring, person.id, address="127.0.0.1", agent="tests")
    port = world.url.rpartition(":")[2]
    return Entered(person, token, f"quixess-{port}={token}")


async def hand_cookie(context: BrowserContext, world: World, entered: Entered) -> None:
    """Sign a browser in."""
    name = entered.cookie.partition("=")[0]
    await context.add_cookies([{"name": name, "value": entered.token, "url": world.url, "httpOnly": True}])
