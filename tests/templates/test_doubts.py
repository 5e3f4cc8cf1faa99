"""When Meta does not answer well: the operator is told the truth, and the list is fetched to find it."""

import msgspec
import pytest

from quixess.meta.outcomes import GraphError, NotSent, Outcome, Rejected, Unknown
from quixess.templates import refusing
from tests.meta import wire
from tests.templates.drafting import draft
from tests.templates.managing import operator
from tests.world import World, eventually


def error(code: int, subcode: int | None = None) -> GraphError:
    body = msgspec.json.encode({"error": {"code": code}})
    return GraphError(status=400, code=code, subcode=subcode, message="", details=None, body=body, is_transient=False)


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        (Rejected(error(100, 2388024)), "whatsapp_error", "exists in this language already"),
        (Rejected(error(100, 2388023)), "whatsapp_error", "wait four weeks"),
        (Rejected(error(190)), "whatsapp_connection_unauthorized", ""),
        (NotSent("slow down", error(80007), 60), "whatsapp_rate_limited", "Nothing was changed"),
        (NotSent("no connection"), "upstream_unavailable", "Nothing was changed"),
        (Unknown("broke"), "upstream_unavailable", "look there before you try again"),
    ],
)
def test_each_outcome_is_told_as_what_it_is(outcome: Outcome, code: str, says: str) -> None:
    told = refusing.explain(outcome)

    assert told.code == code
    assert says in told.detail
    assert (told.retry_after_s is not None) == (code in {"whatsapp_rate_limited", "upstream_unavailable"})


async def test_after_a_doubt_the_list_is_fetched(world: World) -> None:
    ops = await operator(world)
    async with wire.meta(wire.reset, wire.answer(200, {"data": []})) as meta:
        await world.rows("UPDATE connection SET graph_url = $1 RETURNING id", meta.base_url)

        answer = await ops.ask("POST", "/templates", draft())
        assert (answer.status, answer.json["code"]) == (503, "upstream_unavailable")

        def asked() -> bool:
            return any(one.method == "GET" and "/message_templates" in one.target for one in meta.requests)

        await eventually(asked)
        assert [one.method for one in meta.requests].count("POST") == 1


async def test_what_meta_took_stands_in_the_cache_though_it_cannot_be_read_back(world: World) -> None:
    ops = await operator(world)
    made = wire.answer(200, {"id": "77", "status": "PENDING", "category": "MARKETING"})
    async with wire.meta(made, wire.error(500, 2)) as meta:
        await world.rows("UPDATE connection SET graph_url = $1 RETURNING id", meta.base_url)

        answer = await ops.ask("POST", "/templates", draft())

    assert answer.status == 201, answer.json
    template = answer.json["template"]
    assert (template["meta_template_id"], template["status"], template["category"]) == ("77", "PENDING", "MARKETING")
    assert answer.json["asked_category"] == "UTILITY"
    assert await ops.status("order_left") == "PENDING"


async def test_a_review_that_was_over_before_we_looked_is_told(world: World) -> None:
    ops = await operator(world)
    made = wire.answer(200, {"id": "77", "status": "PENDING", "category": "UTILITY"})
    seen = draft().as_meta() | {"id": "77", "status": "REJECTED", "rejected_reason": "SCAM"}
    async with wire.meta(made, wire.answer(200, seen)) as meta:
        await world.rows("UPDATE connection SET graph_url = $1 RETURNING id", meta.base_url)
        answer = await ops.ask("POST", "/templates", draft())

    assert answer.json["template"]["status"] == "REJECTED"
    (told,) = await eventually(lambda: world.receiver.of_type("template.status_changed"))
    assert (told["data"]["old_status"], told["data"]["new_status"]) == ("PENDING", "REJECTED")
    assert (told["data"]["reason"], told["data"]["template_id"]) == ("SCAM", answer.json["template"]["id"])
