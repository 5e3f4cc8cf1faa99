"""A brand with a past: something for every endpoint to find."""

import re
from dataclasses import dataclass
from typing import Any

import aiohttp

from quixess.api import EXTERNAL
from tests.messages import hooks
from tests.world import World, eventually


@dataclass(frozen=True)
class Past:
    """What has been: ids by their prefix, `msg` and so on; names of templates under `name`."""

    known: dict[str, list[str]]

    def values(self, parameter: dict[str, Any]) -> list[str]:
        """Give what exists for a parameter of a path, by the prefix that its description names."""
        if parameter.get("in") != "path":
            return []
        found = re.search(r"`([a-z]{3})_…`", parameter["description"])
        return self.known.get(found[1] if found else parameter["name"], [])


async def live(world: World) -> Past:
    """Send a code, get an answer, be told of both."""
    sent = (await world.send_otp()).json
    await world.customer_says("Hi there")
    told = await eventually(lambda: world.receiver.of_type("message.received"))
    event = told[0]
    form = aiohttp.FormData()
    form.add_field("file", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(500), filename="photo.jpg")
    headers = {"X-API-Key": world.key}
    async with world.http.post(f"{world.url}{EXTERNAL}/media", data=form, headers=headers) as answer:
        file = await answer.json()
    await hooks.rest(world)
    other = (await eventually(lambda: world.receiver.of_type("message.delivered")))[0]
    body = {"event_ids": [other["id"]]}
    job = (await world.call("POST", f"{EXTERNAL}/webhook-events/replay", body=body)).json
    return Past(
        {
            "msg": [sent["id"], event["data"]["message_id"]],
            "cnv": [sent["conversation_id"]],
            "evt": [event["id"]],
            "med": [file["id"]],
            "rpl": [job["job_id"]],
            "name": ["signup_otp"],
        }
    )
