"""Meta's own 50 examples of sends: they pass the schema as mended, and the simulator takes them."""

import pytest

from quixess import simulator as simulators
from tests.conformance.filling import filled
from tests.conformance.openapi import OpenApi
from tests.simulator import driving

# Two examples lack their type, one is a stub of a product list, and one marks a message as read.
UNLIKE_ITS_SCHEMA = {
    "Send Text Message with Preview URL",
    "Send Reply to List Message",
    "Send Multi-Product Message",
    "Send typing indicator and read receipt",
}
REFUSED = {"Send Reply to List Message": 100}  # without a type Meta takes it for a text


def test_the_mended_schema_takes_all_but_four_examples(meta_file: OpenApi) -> None:
    refused = {name for name, example in meta_file.sends.items() if meta_file.faults("Message", example)}

    assert len(meta_file.sends) == 50
    assert refused == UNLIKE_ITS_SCHEMA


async def test_the_simulator_takes_every_example_but_the_one_whose_type_cannot_be_guessed(meta_file: OpenApi) -> None:
    refused = {}
    async with driving.running(simulators.Options(settings=driving.QUICK)) as meta:
        for name, example in meta_file.sends.items():
            answer = await meta.send(await filled(example, meta))
            if answer.status != 200:
                refused[name] = answer.json["error"]["code"]

    assert refused == REFUSED


@pytest.mark.parametrize(
    "spoilt",
    [
        {"messaging_product": "whatsapp", "to": "1", "type": "text", "text": {"body": "Hi"}, "recipent_type": "x"},
        {
            "messaging_product": "whatsapp",
            "to": "1",
            "type": "image",
            "image": {"id": "1", "link": "https://a.example"},
        },
        {"to": "1", "type": "text", "text": {"body": "Hi"}},
    ],
)
def test_the_mended_schema_still_refuses(meta_file: OpenApi, spoilt: dict[str, object]) -> None:
    assert meta_file.faults("Message", spoilt)
