"""A load on a site while something happens to it: codes with their keys, and customers who write."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.crash.processes import Site
from tests.processes import Program
from tests.world import PHONE

_SENDERS = 4
_AGAIN_S = 0.05
_LAST_WORDS = {200, 502}


@asynccontextmanager
async def loaded(site: Site, *gateways: Program) -> AsyncIterator[None]:
    """Send and write for the length of a block, at any of these gateways; at its end every key has its last word.

    That is 200, or 502 `outcome_unknown` for one that was cut down between the claim and Meta.
    """
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as load:
        for name in range(_SENDERS):
            load.create_task(_send_on(site, gateways, name, enough))
        load.create_task(_write_on(site, enough))
        try:
            yield
        finally:
            enough.set()


def sent(site: Site) -> int:
    """Count the keys whose last answer is 200."""
    return sum(answers[-1].status == 200 for answers in site.answers.values())


async def sent_after_all(site: Site, at: Program) -> int:
    """Ask once more with each key whose outcome was unknown, and count those that are answered 200 at last.

    To be asked when Meta has told what it will: a send that it took is known by then.
    """
    for key, answers in list(site.answers.items()):
        if answers[-1].status != 200:
            _, name, number = key.split("-")
            await site.send(key, at=at, to=_recipient(int(name), int(number)))
    return sent(site)


def _recipient(name: int, number: int) -> str:
    return f"{PHONE[:-2]}{name}{number % 10}"


async def _send_on(site: Site, gateways: tuple[Program, ...], name: int, enough: asyncio.Event) -> None:
    number = 0
    while not enough.is_set():
        number += 1
        status = None
        while status not in _LAST_WORDS:
            key, to = f"load-{name}-{number}", _recipient(name, number)
            answer = await site.send(key, at=random.choice(gateways), to=to)
            status = answer and answer.status
            await asyncio.sleep(_AGAIN_S)


async def _write_on(site: Site, enough: asyncio.Event) -> None:
    while not enough.is_set():
        await site.customer_says(f"word {len(site.written)}", f"{PHONE[:-2]}9{len(site.written) % 10}")
        await asyncio.sleep(_AGAIN_S)
