"""A world with something in it: codes that arrived, one that failed, people who wrote, events that were told."""

from tests.world import OTP, World, eventually

_PHONES = [f"+1281818437{digit}" for digit in range(6)]
_TEXTS = ("Is my order on its way?", "Thanks, it arrived", "Can I still change the address?")


async def fill(world: World) -> None:
    """Let a small day pass."""
    for phone in _PHONES:
        answer = await world.send_otp(to=phone)
        assert answer.status == 200, answer.json
    for text, phone in zip(_TEXTS, _PHONES, strict=False):
        await world.customer_says(text, phone)
    await world.call("POST", OTP, body={"to": "+12818184370", "code": "482913", "template_name": "no_such_template"})
    await world.call("POST", OTP, body={"to": "12", "code": "482913", "template_name": "signup_otp"})
    await eventually(lambda: len(world.receiver.of_type("message.received")) >= len(_TEXTS))
