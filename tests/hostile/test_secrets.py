"""Secrets stay where they are: none in the clear in a table, an answer or a webhook. Line 62 of our list of attacks."""

import re

from tests.api import test_otp_secrecy as secrecy
from tests.hostile import asking, twins
from tests.world import World

SHAPES = re.compile(r"qx[st]_[0-9A-Za-z]{46}|whsec_[0-9A-Za-z+/]{43}=|(?<![0-9A-Za-z])EAA[0-9A-Za-z]{12,}")


# 62
async def test_no_table_and_no_answer_holds_a_secret_in_the_clear(world: World) -> None:
    known = world.meta.world
    secrets = [world.key, world.endpoint_secret, known["app_secret"], known["access_token"], known["verify_token"]]
    async with twins.settled(world) as (ours, theirs):
        secrets += [theirs.key, theirs.app_secret, "rival's verify token", "EAArival"]
        told = []
        for one in asking.every(ours.values):
            answer = await one.of(world)
            told.append(answer.body.decode("latin-1") + str(answer.headers))
        told += [str(headers) + body.decode() for headers, body in (*world.receiver.got, *theirs.receiver.got)]
        dumped = await secrecy.dump(world)
    assert "Bordercart" in dumped
    for secret in secrets:
        assert secret not in dumped
        assert secret.encode().hex() not in dumped
        assert not any(secret in text for text in told)
    assert not SHAPES.search(dumped)
    assert not any(SHAPES.search(text) for text in told)
