"""Which template a code goes out by: what the cache says, one look at Meta after a miss, and the language rules."""

from typing import Any

from tests.world import World


async def make(world: World, name: str, language: str = "en_US", **more: Any) -> None:
    """Make or change a template at the simulated Meta, without telling the gateway."""
    await world.meta.lever("templates", {"name": name, "language": language, "category": "AUTHENTICATION"} | more)


async def cached(world: World) -> list[str]:
    rows = await world.rows("SELECT name || ' ' || language AS known FROM template ORDER BY 1")
    return [row["known"] for row in rows]


async def test_a_template_made_after_the_cache_was_filled_is_found_at_meta(world: World) -> None:
    await make(world, "login_otp")
    assert await cached(world) == ["order_update en_US", "signup_otp en_US"]

    assert (await world.send_otp(template_name="login_otp")).status == 200
    assert await cached(world) == ["login_otp en_US", "order_update en_US", "signup_otp en_US"]


async def test_a_language_made_after_the_cache_was_filled_is_found_at_meta(world: World) -> None:
    await make(world, "signup_otp", "es")

    answer = await world.send_otp(language="es")
    assert answer.status == 200
    assert answer.json["template"]["language"] == "es"


async def test_a_template_approved_after_the_cache_was_filled_is_sent(world: World) -> None:
    await world.rows("UPDATE template SET status = 'PENDING' WHERE name = 'signup_otp'")

    assert (await world.send_otp()).status == 200
    assert await world.rows("SELECT 1 FROM template WHERE status <> 'APPROVED'") == []


async def test_an_unknown_template_is_404_and_meta_is_asked_once_in_a_while_only(world: World) -> None:
    refused = await world.send_otp(template_name="no_such_otp", idempotency_key="k")
    assert (refused.status, refused.json["code"]) == (404, "template_not_found")

    await make(world, "no_such_otp")
    again = await world.send_otp(template_name="no_such_otp", idempotency_key="k")
    assert (again.status, again.json["code"]) == (404, "template_not_found")
    assert await cached(world) == ["order_update en_US", "signup_otp en_US"]
    assert await world.sends() == []


async def test_a_miss_while_meta_is_away_is_a_plain_404(world: World) -> None:
    await world.rows("UPDATE connection SET graph_url = 'http://127.0.0.1:1'")

    refused = await world.send_otp(template_name="no_such_otp")
    assert (refused.status, refused.json["code"]) == (404, "template_not_found")


async def test_a_template_that_is_not_approved_is_409_with_its_status(world: World) -> None:
    reasons = {"PENDING": "NONE", "REJECTED": "INVALID_FORMAT", "PAUSED": "NONE", "DISABLED": "NONE"}
    for status, reason in reasons.items():
        await make(world, f"{status.lower()}_otp", status=status, rejected_reason=reason)

    for status, reason in reasons.items():
        refused = await world.send_otp(template_name=f"{status.lower()}_otp", idempotency_key=status)
        assert refused.status == 409
        assert refused.json["code"] == "template_not_approved"
        assert refused.json["template_status"] == status
        assert refused.json["rejected_reason"] == reason
    assert await world.sends() == []


async def test_a_template_of_another_category_is_400(world: World) -> None:
    refused = await world.send_otp(template_name="order_update")

    assert (refused.status, refused.json["code"]) == (400, "not_authentication_template")
    assert await world.sends() == []


async def test_without_a_language_the_only_approved_one_is_taken(world: World) -> None:
    await make(world, "login_otp", "es")
    await make(world, "login_otp", "fr", status="PENDING")

    answer = await world.send_otp(template_name="login_otp")
    assert answer.json["template"] == {"name": "login_otp", "language": "es", "category": "AUTHENTICATION"}


async def test_without_a_language_en_us_is_taken_of_several(world: World) -> None:
    for language in ("de", "en_US", "es"):
        await make(world, "login_otp", language)

    assert (await world.send_otp(template_name="login_otp")).json["template"]["language"] == "en_US"


async def test_without_a_language_nothing_is_guessed_of_several_others(world: World) -> None:
    for language in ("de", "es"):
        await make(world, "login_otp", language)

    refused = await world.send_otp(template_name="login_otp")
    assert (refused.status, refused.json["code"]) == (404, "template_not_found")
    assert (await world.send_otp(template_name="login_otp", language="de")).json["template"]["language"] == "de"


async def test_a_language_counts_the_same_with_dash_and_underscore(world: World) -> None:
    for language in ("en_US", "en-US"):
        answer = await world.send_otp(language=language)
        assert answer.json["template"]["language"] == "en_US"


async def test_another_language_than_asked_for_is_never_sent(world: World) -> None:
    refused = await world.send_otp(language="es")

    assert (refused.status, refused.json["code"]) == (404, "template_not_found")
    assert await world.sends() == []
