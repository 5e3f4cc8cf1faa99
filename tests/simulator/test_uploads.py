"""The Resumable Upload API: a session, bytes from an offset on, a handle, and a template that shows the file."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from quixess import simulator as simulators
from tests.simulator import driving
from tests.simulator.driving import Answer, Simulator

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
BODY = {"type": "BODY", "text": "Look what is new."}


async def open_session(simulator: Simulator, **asked: Any) -> Answer:
    known = {"file_name": "a.png", "file_length": str(len(PNG)), "file_type": "image/png"}
    return await simulator.graph("POST", f"{simulator.world['app_id']}/uploads", params=known | asked)


async def begin(simulator: Simulator, **asked: Any) -> str:
    answer = await open_session(simulator, **asked)
    assert answer.status == 200, answer.json
    return str(answer.json["id"])


async def ask(simulator: Simulator, method: str, session: str, **more: Any) -> Answer:
    """Call a session as Meta wants it: at its id, with the token as `OAuth`."""
    headers = {"Authorization": f"OAuth {simulator.world['access_token']}"} | more.pop("headers", {})
    url = f"{simulator.base_url}/v25.0/{session}"
    async with simulator.http.request(method, url, headers=headers, **more) as answer:
        return Answer(answer.status, await answer.json())


async def push(simulator: Simulator, session: str, data: bytes, offset: int = 0) -> Answer:
    return await ask(simulator, "POST", session, data=data, headers={"file_offset": str(offset)})


async def sample(simulator: Simulator, data: bytes = PNG, **asked: Any) -> str:
    """Upload a sample; gives its handle."""
    session = await begin(simulator, file_length=str(len(data)), **asked)
    return str((await push(simulator, session, data)).json["h"])


async def create(simulator: Simulator, handle: Any, shown: str = "IMAGE", name: str = "news") -> Answer:
    header = {"type": "HEADER", "format": shown} | ({} if handle is None else {"example": {"header_handle": [handle]}})
    asked = {"name": name, "language": "en_US", "category": "MARKETING", "components": [header, BODY]}
    return await simulator.graph("POST", f"{simulator.world['waba_id']}/message_templates", json=asked)


async def test_a_template_shows_a_sample_that_was_uploaded(simulator: Simulator) -> None:
    session = await begin(simulator)
    assert session.startswith("upload:")
    assert "?sig=" in session
    done = await push(simulator, session, PNG)
    assert list(done.json) == ["h"]

    made = await create(simulator, done.json["h"])
    assert made.json["status"] == "PENDING"
    header = (await simulator.graph("GET", made.json["id"])).json["components"][0]
    assert header["format"] == "IMAGE"
    assert header["example"]["header_handle"][0].startswith("https://scontent.whatsapp.net/")


async def test_an_upload_goes_on_where_it_was_broken_off(simulator: Simulator) -> None:
    session = await begin(simulator)
    assert (await push(simulator, session, PNG[:20])).json == {"id": session, "file_offset": 20}
    assert (await ask(simulator, "GET", session)).json == {"id": session, "file_offset": 20}
    assert (await push(simulator, session, PNG)).json["error"]["code"] == 100
    done = await push(simulator, session, PNG[20:], 20)
    assert (await push(simulator, session, b"", len(PNG))).json == done.json


async def test_what_came_before_the_connection_broke_stays(simulator: Simulator) -> None:
    session, url = await begin(simulator), urlsplit(simulator.base_url)
    _, wire = await asyncio.open_connection(url.hostname, url.port)
    head = f"POST /v25.0/{session} HTTP/1.1\r\nHost: {url.netloc}\r\nfile_offset: 0\r\n"
    head += f"Authorization: OAuth {simulator.world['access_token']}\r\nContent-Length: {len(PNG)}\r\n\r\n"
    wire.write(head.encode() + PNG[:30])
    await wire.drain()
    wire.close()

    async def there() -> bool:
        return bool((await ask(simulator, "GET", session)).json["file_offset"] == 30)

    await driving.eventually(there)
    assert "h" in (await push(simulator, session, PNG[30:], 30)).json


async def test_a_piece_too_many_is_refused_and_not_kept(simulator: Simulator) -> None:
    session = await begin(simulator)
    assert (await push(simulator, session, PNG + b"!")).json["error"]["code"] == 100
    assert (await ask(simulator, "GET", session)).json["file_offset"] == 0
    assert "h" in (await push(simulator, session, PNG)).json


@pytest.mark.parametrize(
    "asked",
    [
        {"file_length": "0"},
        {"file_length": "many"},
        {"file_length": str(200 * 1024 * 1024)},
        {"file_type": "image/gif"},
    ],
)
async def test_a_session_needs_a_length_and_a_type_that_a_header_can_show(
    simulator: Simulator, asked: dict[str, str]
) -> None:
    assert (await open_session(simulator, **asked)).json["error"]["code"] == 100


async def test_a_session_is_of_the_apps_own_token_in_the_header(simulator: Simulator) -> None:
    session, other = await begin(simulator), await simulator.lever("apps", {})
    token = (await simulator.lever("tokens", {"app_id": other["id"]}))["access_token"]
    strange = await ask(simulator, "GET", session, headers={"Authorization": f"OAuth {token}"})
    forged = await ask(simulator, "GET", session.replace("sig=", "sig=0"))
    elsewhere = await simulator.graph("POST", f"{other['id']}/uploads", params={"file_length": "1"})
    assert [one.json["error"]["error_subcode"] for one in (strange, forged, elsewhere)] == [33] * 3
    url = f"{simulator.base_url}/v25.0/{session}&access_token={simulator.world['access_token']}"
    async with simulator.http.get(url) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (401, 2500)


async def test_bytes_without_an_offset_are_refused(simulator: Simulator) -> None:
    session = await begin(simulator)
    answer = await ask(simulator, "POST", session, data=PNG)
    assert "file_offset" in answer.json["error"]["message"]


@pytest.mark.parametrize("handle", [None, "4::aW1hZ2UvcG5n:unknown", "https://shop.example/a.png", 7])
async def test_a_handle_that_nobody_got_is_refused(simulator: Simulator, handle: Any) -> None:
    error = (await create(simulator, handle)).json["error"]
    assert (error["code"], error["error_subcode"]) == (100, 2388273)
    assert "IMAGE header type need an example/sample" in error["error_user_msg"]


async def test_a_sample_must_be_what_the_header_shows(simulator: Simulator) -> None:
    handles = {
        "IMAGE": await sample(simulator, file_type="image/jpeg"),
        "VIDEO": await sample(simulator, file_type="video/mp4"),
        "DOCUMENT": await sample(simulator, file_type="application/pdf"),
    }
    for n, (shown, handle) in enumerate(handles.items()):
        assert (await create(simulator, handle, shown, f"n{n}")).status == 200
    wrong = await create(simulator, handles["VIDEO"], "IMAGE", "wrong")
    assert wrong.json["error"]["error_subcode"] == 2388047


async def test_a_reset_forgets_samples(simulator: Simulator) -> None:
    handle = await sample(simulator)
    await simulator.lever("reset", {})
    assert (await create(simulator, handle)).json["error"]["error_subcode"] == 2388273


async def test_a_seed_gives_the_same_handles_but_for_their_time() -> None:
    async def got() -> tuple[str, str]:
        async with driving.running(simulators.Options(settings=driving.QUICK, seed=3)) as one:
            session = await begin(one)
            return session, (await push(one, session, PNG)).json["h"].partition(":e:")[0]

    assert await got() == await got()
