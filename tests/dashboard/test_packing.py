"""Pages are packed for who takes them so; answers to forms, which may hold a secret, never are."""

from tests.dashboard.visiting import visiting
from tests.world import World

KEYS = "/app/settings/api-keys"


async def test_a_page_is_packed_and_says_the_same(world: World) -> None:
    async with visiting(world) as browser:
        packed = await browser.get(KEYS, {"Accept-Encoding": "gzip"})
        plain = await browser.get(KEYS, {"Accept-Encoding": "identity"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 2
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert packed.words == plain.words


async def test_what_answers_a_form_is_not_packed(world: World) -> None:
    async with visiting(world) as browser:
        fields = {"name": "Signup service", "scopes": "whatsapp:send_otp"}
        made = await browser.post(f"{KEYS}/new", fields, {"Accept-Encoding": "gzip"})

    assert made.status == 200
    assert 'id="key-secret"' in made.text
    assert "Content-Encoding" not in made.headers
