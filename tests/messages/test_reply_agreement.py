"""What we let through, Meta takes: our limits and the simulated Meta's were written apart, and must agree."""

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from quixess.api import body
from quixess.errors import QuixessError
from quixess.messages import speech
from quixess.messages.speech import Speech
from quixess.meta import payloads
from quixess.simulator import drafts
from tests.api.replying import KINDS

PHONE = "+12818184370"


def mostly(good: st.SearchStrategy[Any], bad: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Choose what is probably wrong now and then: a message has many parts, and most of them must be good."""
    return st.integers(0, 40).flatmap(lambda lot: bad if lot == 23 else good)


def words(longest: int) -> st.SearchStrategy[str]:
    """Texts up to the limit, of any letters; now and then one that is blank, or anything, or one letter too long."""
    letters = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=12)
    good = st.one_of(letters, letters, st.just("x" * longest), st.sampled_from(["\u200b", "a b", "{{1}}", "'\"\\"]))
    return mostly(good, st.one_of(st.text(max_size=40), st.sampled_from(["", " ", "x" * (longest + 1)])))


def members(needed: dict[str, st.SearchStrategy[Any]], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(needed, optional=more)


LINKS = mostly(
    st.sampled_from(["https://a.example/x?y=%20#z", "HTTP://A", "http://[::1]:80/"]),
    st.sampled_from(["https:///", "ftp://a", "a b"]),
)
IDS = mostly(st.sampled_from(["1", "1003383421387256"]), st.sampled_from(["9" * 33, "x", ""]))
NAMES = st.sampled_from(["a.pdf", "Rechnung März.pdf", "x" * 240])
FILES = st.one_of(members({"id": IDS}), members({"link": LINKS}), members({}, id=IDS, link=LINKS, filename=words(240)))
EMOJI = st.one_of(st.sampled_from(["", "👍", "❤️", "1️⃣", "🇩🇪", "👨‍👩‍👧", "1", "x", "👍👍", "ℹ️"]), st.text(max_size=3))
HEADERS = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": words(60)}),
    st.sampled_from(["image", "video", "document"]).flatmap(
        lambda kind: st.fixed_dictionaries({"type": st.just(kind), kind: FILES})
    ),
)
REPLIES = st.fixed_dictionaries({"reply": st.fixed_dictionaries({"id": words(256), "title": words(20)})})
CHOICES = st.lists(REPLIES, min_size=1, max_size=3, unique_by=lambda one: one["reply"]["id"])
ROWS = members({"id": words(200), "title": words(24)}, description=words(72))
SECTION_ROWS = mostly(
    st.lists(ROWS, min_size=1, max_size=6, unique_by=lambda one: one["id"]), st.lists(ROWS, max_size=12)
)
SECTIONS = mostly(
    st.lists(st.fixed_dictionaries({"rows": SECTION_ROWS, "title": words(24)}), min_size=1, max_size=2),
    st.lists(members({"rows": SECTION_ROWS}, title=words(24)), max_size=3),
)
START = members(
    {"screen": words(256)}, data=st.dictionaries(words(10), st.none() | st.integers() | words(5), max_size=2)
)
FLOWS = st.one_of(
    members({"flow_cta": words(30), "flow_id": st.just("745289014567321")}, flow_token=words(1024)),
    members({"flow_cta": words(30), "flow_name": words(256)}, flow_action_payload=START),
    members(
        {"flow_cta": words(30), "flow_id": st.sampled_from(["1", "x"])},
        flow_name=words(256),
        mode=st.sampled_from(["draft", "published", "beta"]),
        flow_action=st.sampled_from(["navigate", "data_exchange"]),
        flow_action_payload=START,
    ),
)
ACTIONS: dict[str, st.SearchStrategy[Any]] = {
    "button": st.fixed_dictionaries({"buttons": mostly(CHOICES, st.lists(REPLIES, max_size=4))}),
    "list": st.fixed_dictionaries({"button": words(20), "sections": SECTIONS}),
    "cta_url": st.fixed_dictionaries({"parameters": st.fixed_dictionaries({"display_text": words(20), "url": LINKS})}),
    "flow": st.fixed_dictionaries({"parameters": FLOWS}),
    "location_request_message": st.just({}),
}
INTERACTIVE = st.sampled_from(sorted(ACTIONS)).flatmap(
    lambda kind: members(
        {
            "type": st.just(kind),
            "body": st.fixed_dictionaries({"text": words(4096 if kind == "list" else 1024)}),
            "action": ACTIONS[kind],
        },
        header=HEADERS,
        footer=st.fixed_dictionaries({"text": words(60)}),
    )
)
CARDS = st.lists(
    members(
        {"name": members({"formatted_name": words(256), "first_name": words(256)}, suffix=words(256))},
        birthday=mostly(st.just("1990-02-28"), st.sampled_from(["1990-13-01", "28.2.1990", "\u0661990-01-01"])),
        phones=st.lists(members({"phone": words(64)}, type=words(64)), max_size=2),
    ),
    min_size=1,
    max_size=3,
)
DEGREES = st.one_of(st.floats(-90, 90), st.floats(-200, 200), st.sampled_from([90, -90, 180, -180, 0.0, -0.0, 1e-300]))
OBJECTS: dict[str, st.SearchStrategy[Any]] = {
    "text": members({"body": words(4096)}, preview_url=st.booleans()),
    "location": members({"latitude": DEGREES, "longitude": DEGREES}, name=words(1000), address=words(1000)),
    "reaction": st.fixed_dictionaries({"message_id": st.just("wamid.X"), "emoji": EMOJI}),
    "contacts": CARDS,
    "interactive": INTERACTIVE,
}
PLAIN = st.sampled_from(sorted(OBJECTS)).flatmap(
    lambda kind: st.fixed_dictionaries({"type": st.just(kind), kind: OBJECTS[kind]})
)
MEMBERS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "image": {"caption": words(1024)},
    "video": {"caption": words(1024)},
    "audio": {"voice": st.booleans()},
    "document": {"caption": words(1024), "filename": mostly(NAMES, words(240))},
    "sticker": {},
}
ANY = {"caption": words(1024), "filename": words(240), "voice": st.booleans(), "id": IDS, "link": LINKS}
FILED = st.sampled_from(sorted(MEMBERS)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "type": st.just(kind),
            "media": st.one_of(
                members({"id": IDS}, **MEMBERS[kind]), members({"link": LINKS}, **MEMBERS[kind]), members({}, **ANY)
            ),
        }
    )
)


def taken(tree: Any) -> Speech | None:
    """Read a body as the door does; None when it is refused. Nothing but a refusal may come of it."""
    try:
        return body.decode(json.dumps(tree).encode("utf-8", "surrogatepass"), "application/json", Speech)
    except QuixessError as refused:
        assert refused.status == 400  # noqa: PT017 - anything else is a failure of its own
        return None


def at_meta(said: Speech) -> drafts.Draft:
    """Let the simulated Meta read what goes out. Raises its GraphError."""
    if said.reaction is not None:
        written = speech.write_reaction(said.reaction.emoji, said.reaction.message_id)
    else:
        written = speech.write(said, None)
    raw = payloads.freeform(str(said.type), written.object, PHONE, None, None, "qx1:msg_1:1")
    return drafts.read(json.loads(raw), lambda _: None)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(PLAIN | FILED)
def test_whatever_is_let_through_meta_takes(tree: Any) -> None:
    said = taken(tree)
    assume(said is not None)
    assert said is not None

    draft = at_meta(said)
    assert draft.type == tree["type"]


@settings(max_examples=200, deadline=None)
@given(PLAIN | FILED)
def test_what_is_said_is_found_by_its_words_and_kept_as_json(tree: Any) -> None:
    said = taken(tree)
    if said is None or said.reaction is not None:
        return
    written = speech.write(said, None)
    assert json.loads(json.dumps(written.shown)) == json.loads(msgspec.json.encode(written.shown))
    if said.text is not None:
        assert written.text == written.object["body"]
    assert written.text is None or written.text.strip() or said.media is not None


def test_a_message_of_each_kind_is_among_the_examples_and_is_taken() -> None:
    for asked, _ in KINDS.values():
        said = taken(asked)
        assert said is not None
        assert at_meta(said).type == asked["type"]
