"""No network call inside a transaction (decision 0004).

A transaction that waits for a stranger holds a connection, its locks and everybody behind them. The rule follows
calls through the package: a verb that talks to the network makes its callers talk to the network.
"""

import ast
import re
from collections.abc import Iterable
from functools import cache

import pytest

from tests.house.source import Module, dotted, modules, snippet, verbs

OPENERS = {"transaction", "reading", "statement", "owner"}
DIRECT = re.compile(
    r"(?:.*\.)?(?:_?graph|_?sender|aiohttp|httpx|urllib)\.[\w.]+"
    r"|(?:.*\.)?_?(?:http|session|client|client_session)\.(?:request|get|post|put|patch|delete|head|ws_connect)"
    r"|(?:.*\.)?(?:getaddrinfo|open_connection|create_connection|sock_connect|urlopen)"
)
# Waiting is as bad as talking.
WAITING = re.compile(r"asyncio\.sleep")


def breaches(house: Iterable[Module]) -> list[str]:
    """List every call inside a transaction that talks to the network or waits."""
    house = list(house)
    talking = _talking_verbs(house)
    return [
        f"{verb.place}, line {call.lineno}: `{dotted(call.func)}(…)`"
        for module in house
        for verb in verbs(module)
        for block in ast.walk(verb.node)
        if isinstance(block, ast.AsyncWith) and _opens_transaction(block)
        for call in _calls(block.body)
        if _talks(call, module, talking)
    ]


def _opens_transaction(block: ast.AsyncWith) -> bool:
    calls = [item.context_expr for item in block.items if isinstance(item.context_expr, ast.Call)]
    return any(dotted(call.func).rpartition(".")[2] in OPENERS for call in calls)


def _talking_verbs(house: list[Module]) -> set[str]:
    """Name the verbs that reach the network, at any distance, as `events.outward.post`."""
    talking: set[str] = set()
    everything = [(verb, list(_calls(verb.node.body))) for module in house for verb in verbs(module)]
    grown = True
    while grown:
        found = {verb.place for verb, calls in everything if any(_talks(call, verb.module, talking) for call in calls)}
        grown = found > talking
        talking |= found
    return talking


def _calls(body: list[ast.stmt]) -> Iterable[ast.Call]:
    return (node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Call))


def _talks(call: ast.Call, module: Module, talking: set[str]) -> bool:
    name = dotted(call.func)
    return bool(DIRECT.fullmatch(name) or WAITING.fullmatch(name)) or not talking.isdisjoint(_meanings(name, module))


@cache
def _meanings(name: str, module: Module) -> set[str]:
    """Resolve a called name to the verbs of our own that it can mean."""
    head, _, rest = name.partition(".")
    if head == "self":
        classes = [node.name for node in module.tree.body if isinstance(node, ast.ClassDef)]
        return {f"{module.name}.{owner}.{rest}" for owner in classes}
    imported = _imports(module).get(head)
    if imported is None:
        return {f"{module.name}.{name}"}
    return {f"{imported}.{rest}" if rest else imported}


@cache
def _imports(module: Module) -> dict[str, str]:
    """Map the names a module imports from our package: `outward` to `events.outward`."""
    found: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "quixess":
            source = (node.module or "").removeprefix("quixess").lstrip(".")
            found |= {alias.asname or alias.name: f"{source}.{alias.name}".lstrip(".") for alias in node.names}
    return found


def test_no_network_call_inside_a_transaction():
    found = breaches(modules())

    assert not found, "Close the transaction, then call, then open a second one (decision 0004):\n" + "\n".join(found)


BAD = {
    "the graph client": "async with db.transaction() as tx:\n        await graph.send(payload)",
    "a private graph client": "async with self._db.transaction() as tx:\n        await self._graph.send(payload)",
    "a sender": "async with db.transaction() as tx:\n        await sender.post(url, body)",
    "a bare session": "async with db.reading(brand_id) as tx:\n        await session.post(url)",
    "a response as a block": "async with db.transaction() as tx:\n        async with session.get(url) as answer: ...",
    "two blocks in one": "async with lock, db.transaction() as tx:\n        await aiohttp.request('GET', url)",
    "a call in a branch": "async with db.transaction() as tx:\n        if late:\n            await graph.send(payload)",
    "a name lookup": "async with db.statement() as tx:\n        await loop.getaddrinfo(host, 443)",
    "a pause": "async with db.transaction() as tx:\n        await asyncio.sleep(1)",
    "a verb that talks": "async with db.transaction() as tx:\n        await _ask_meta(payload)",
    "a room that talks": "async with db.transaction() as tx:\n        await outward.post(url)",
}
GOOD = {
    "two transactions around one call": (
        "async with db.transaction() as tx:\n        await store.add(tx, message)\n"
        "    answer = await graph.send(payload)\n"
        "    async with db.transaction() as tx:\n        await store.accepted(tx, answer)"
    ),
    "a dictionary": "async with db.transaction() as tx:\n        await store.add(tx, names.get(phone))",
    "another block": "async with session.post(url) as answer:\n        await answer.read()",
    "a pure verb of a talking room": "async with db.transaction() as tx:\n        outward.refuse(url)",
}
AROUND = """
from quixess.events import outward

async def send(db, graph):
    {body}

async def _ask_meta(payload):
    return await _really_ask_meta(payload)

async def _really_ask_meta(payload):
    return await graph.send(payload)
"""
OUTWARD = "async def post(url):\n    await aiohttp.request('POST', url)\n\ndef refuse(url):\n    return url == ''"


def house_with(body: str) -> list[Module]:
    return [snippet(AROUND.format(body=body)), snippet(OUTWARD, "events.outward")]


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_the_rule_notices(body):
    assert len(breaches(house_with(body))) == 1


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_the_rule_lets_pass(body):
    assert breaches(house_with(body)) == []


def test_a_method_that_talks_is_found_through_self():
    text = """
class Delivery:
    async def settle(self):
        async with self._db.transaction() as tx:
            await self._post()

    async def _post(self):
        await self._sender.post()
"""

    assert breaches([snippet(text)]) == ["messages.sending.Delivery.settle, line 5: `self._post(…)`"]
