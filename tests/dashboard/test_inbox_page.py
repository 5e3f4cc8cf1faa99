"""The inbox."""

import re

from quixess.people import Role
from tests.dashboard.visiting import visiting
from tests.world import World, eventually


async def test_smoke(world: World) -> None:
    await world.customer_says("Hello <b>you</b> https://x.example/a?b=1.")
    await eventually(lambda: world.receiver.of_type("message.received"))
    async with visiting(world) as browser:
        page = await browser.get("/app/whatsapp/inbox")
        assert page.status == 200, page.words
        assert "Frank" in page.words
        link = re.search(r'href="(/app/whatsapp/inbox/cnv_\w+)"', page.text)[1]
        thread = await browser.get(link)
        assert thread.status == 200, thread.words
        print(thread.words)
        head = await browser.get(link + "/head?composer=open", {"HX-Request": "true"})
        assert head.status == 200
        print(head.text)
        done = await browser.post(link + "/messages", {"text": "Answer", "client_id": "abcdefgh1"}, {"HX-Request": "true"})
        print(done.status, done.text)
        done = await browser.post(link + "/messages", {"text": "A note", "kind": "note"}, {"HX-Request": "true"})
        print(done.status, done.text)
        for path in ("/template", "/assignee"):
            print((await browser.get(link + path)).words)
        assert 0
