"""Every verb that touches tenant rows takes the brand (docs/house.md).

Query scoping is the first net under a leak between brands, row-level security the second. The tables are read from
the migrations: when the key begins with `brand_id`, the rows are a tenant's.
"""

import ast
import re
from collections.abc import Iterable, Iterator

import pytest

from tests.house.source import ROOMS, Module, Verb, dotted, modules, snippet, tenant_tables, verbs

# Verbs that work for all brands at once, each with the reason why that is right. Review every new line here.
FOR_ALL_BRANDS: dict[str, str] = {
    "access.operators.revoke_operator_token": "Of no brand: its line of the audit stands under the nil brand.",
    "connections.apps.forget_unused_app": "An app is of no brand: asks whether any brand's number still uses it.",
    "feed.board.sweep": "Upkeep of all brands: what is too old to be replayed goes, whosever it is.",
    "health.backlog.measure": "Numbers over all brands for the operator's own machines; it tells whose nothing is.",
    "connections.claiming.claim_rows": "Due work of all brands in turns; each write takes the brand of what is held.",
    "connections.numbers.note_handshake": "An app is of no brand: each brand with a number of it is told of its own.",
    "connections.numbers.find_numbers": "Tells which brand a number belongs to: by the brand in its row of `number`.",
    "events.queue.due_endpoints": "The claim serves all brands; a row of endpoint_due names its brand.",
    "events.queue.expire": "Retention is the same for all brands; each outcome takes the brand of its delivery.",
    "events.replaying.Replays.run_once": "The jobs of all brands in turns; each step takes the brand of its job.",
    "notices.tokens.Telling.run_once": "Tells the news of all brands; each goes to the brand in its own row.",
    "connections.numbers.find_accounts": "Tells which brands a WABA belongs to: by the brand in its rows of `number`.",
    "media.catalogue.forget": "Retention over all brands; each delete goes by the brand and the id of the row found.",
    "media.handles.forget_unfinished": "The sweep of all brands; what goes is nobody's yet, and by its age alone.",
    "media.catalogue.unnamed": "Asks whether any brand still names a hash, and tells no one whose.",
    "messages.gaps.Gaps.run_once": "The brands take turns; every look and every write goes by the brand of the turn.",
    "messages.settling.Settling.run_once": "The sweep over all brands; every write goes by the brand of the row found.",
    "notices.keeping.sweep": "Upkeep of all brands; how long is read from the row of the brand.",
    "retention.enforce": "Retention of the whole installation: what is old goes, whosever it is.",
}

NAMES_OF_A_BRAND = {"brand", "brand_id", "brand_ids"}
# A batch over brands joins by the first column of its input: `unnest(…) AS wanted(brand_id, …)`.
BATCH = re.compile(r"\bAS \w+\s?\(brand_id\b")


def breaches(house: Iterable[Module], tables: frozenset[str]) -> list[str]:
    """List the public verbs of rooms that run SQL on tenant tables and take no brand."""
    house = list(house)
    carriers = _carriers(house)
    return [
        verb.place
        for module in house
        if module.floor in ROOMS
        for verb in verbs(module)
        if verb.public and _touches(verb, tables) and not _takes_brand(verb, carriers)
    ]


def _carriers(house: list[Module]) -> set[str]:
    """Name the classes that carry a brand in a field, or in a field's field: `Caller`, `Event`."""
    carriers = set(NAMES_OF_A_BRAND)
    classes = [node for module in house for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    grown = True
    while grown:
        found = {node.name for node in classes if not carriers.isdisjoint(_words_of_fields(node))}
        grown = not found <= carriers
        carriers |= found
    return carriers


def _words_of_fields(node: ast.ClassDef) -> set[str]:
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
    return {
        word for part in fields for word in (dotted(part.target), *re.findall(r"\w+", ast.unparse(part.annotation)))
    }


def _takes_brand(verb: Verb, carriers: set[str]) -> bool:
    spec = verb.node.args
    arguments = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    if any(argument.arg in NAMES_OF_A_BRAND for argument in arguments):
        return True
    words = {
        word
        for argument in arguments
        if argument.annotation is not None
        for word in re.findall(r"\w+", ast.unparse(argument.annotation))
    }
    return not words.isdisjoint(carriers)


def _touches(verb: Verb, tables: frozenset[str]) -> bool:
    """Tell whether the verb, or a private one that it calls, names a tenant table in SQL that is no batch."""
    sql = re.compile(rf"\b(?:FROM|INTO|UPDATE|JOIN|ONLY)\s+(?:{'|'.join(sorted(tables))})\b")
    return any(sql.search(text) and not BATCH.search(text) for text in _texts(verb.node, verb.module, set()))


def _texts(node: ast.AST, module: Module, seen: set[str]) -> Iterator[str]:
    """Give every text in a verb, in the constants it names and in the private verbs it calls."""
    named = _named_parts(module)
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
        name = dotted(part).removeprefix("self.")
        if name in named and name not in seen:
            seen.add(name)
            yield from _texts(named[name], module, seen)


def _named_parts(module: Module) -> dict[str, ast.AST]:
    """Map the constants of a module to their values and its private verbs to their bodies."""
    found: dict[str, ast.AST] = {}
    for node in module.tree.body:
        if isinstance(node, ast.Assign):
            found |= {dotted(target): node.value for target in node.targets}
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            found[dotted(node.target)] = node.value
    return found | {name: verb.node for verb in verbs(module) if (name := verb.node.name).startswith("_")}


def test_every_verb_on_tenant_rows_takes_the_brand():
    found = [place for place in breaches(modules(), tenant_tables()) if place not in FOR_ALL_BRANDS]

    assert not found, (
        "These verbs read or write tenant rows without a brand. Take `brand_id` (or a value with that field) and put "
        "it in the WHERE; if the verb truly serves all brands, list it in FOR_ALL_BRANDS with the reason:\n"
        + "\n".join(found)
    )


def test_no_exception_outlives_its_verb():
    needed = breaches(modules(), tenant_tables())

    assert sorted(set(FOR_ALL_BRANDS) - set(needed)) == [], "Delete these lines of FOR_ALL_BRANDS: nothing needs them."


def test_the_tables_are_read_from_the_migrations():
    assert {"message", "conversation", "event", "endpoint", "delivery"} <= tenant_tables()
    assert tenant_tables().isdisjoint({"brand", "operator", "intake"})


BAD = {
    "a bare query": "async def read(tx, id):\n    return await tx.row('SELECT body FROM message WHERE id = $1')",
    "a write": "async def forget(tx):\n    await tx.execute('DELETE FROM ONLY message')",
    "text over lines": 'async def read(tx):\n    await tx.rows("""SELECT 1\n    FROM\n  message""")',
    "text in a constant": "_READ: str = 'SELECT * FROM message'\nasync def read(tx):\n    return await tx.rows(_READ)",
    "a private helper": (
        "async def read(tx):\n    return await _read(tx)\n\n"
        "async def _read(tx):\n    return await tx.rows('SELECT * FROM message')"
    ),
    "a formatted text": "async def read(tx, column):\n    return await tx.rows(f'SELECT {column} FROM message')",
    "a method": "class Inbox:\n    async def read(self, tx):\n        return await tx.rows('SELECT * FROM message')",
    "a value without brand": (
        "class Page:\n    limit: int\n\n"
        "async def read(tx, page: Page):\n    return await tx.rows('SELECT 1 FROM message')"
    ),
}
GOOD = {
    "takes brand_id": "async def read(tx, brand_id):\n    return await tx.rows('SELECT * FROM message')",
    "takes brand by keyword": "async def read(tx, *, brand):\n    return await tx.rows('SELECT * FROM message')",
    "takes a batch of brands": "async def read(tx, brand_ids):\n    return await tx.rows('SELECT * FROM message')",
    "takes a value with a brand": (
        "class New:\n    brand_id: UUID\n\n"
        "async def add(tx, rows: list[New]):\n    await tx.execute('INSERT INTO message')"
    ),
    "takes a value with a value with a brand": (
        "class New:\n    brand_id: UUID\n\nclass Done:\n    new: New | None\n\n"
        "async def add(tx, rows: list[Done]):\n    await tx.execute('INSERT INTO message')"
    ),
    "a batch that joins by the brand": (
        "async def read(tx, wanted):\n    return await tx.rows('SELECT 1 FROM unnest($1, $2) AS p(brand_id, id) "
        "JOIN message m ON m.brand_id = p.brand_id AND m.id = p.id', wanted)"
    ),
    "a global table": "async def read(tx):\n    return await tx.rows('SELECT * FROM brand')",
    "a private verb": "async def _read(tx):\n    return await tx.rows('SELECT * FROM message')",
    "a word in a sentence": "def say():\n    return 'no update from the message'",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_the_rule_notices(text):
    assert len(breaches([snippet(text)], frozenset({"message"}))) == 1


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_the_rule_lets_pass(text):
    assert breaches([snippet(text)], frozenset({"message"})) == []


def test_doors_and_wiring_are_not_asked():
    text = "async def read(tx):\n    return await tx.rows('SELECT * FROM message')"

    assert breaches([snippet(text, "worker"), snippet(text, "database.partitions")], frozenset({"message"})) == []
