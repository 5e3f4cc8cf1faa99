"""Applying: what Meta says of templates, accounts and numbers is kept, takes effect and is told, each change once."""

from collections.abc import Sequence

from quixess import connections, templates
from quixess.database.core import Tx
from quixess.events.outbox import Draft
from quixess.notices import accounts, addressing, keeping
from quixess.notices.addressing import Said
from quixess.notices.keeping import Notice
from quixess.templates import News


async def apply(tx: Tx, said: Sequence[Said]) -> list[Draft]:
    """Keep what Meta said, let it take effect, and return what to tell the brands it concerns.

    Changes of nobody's accounts are counted as strays. Fields and words that Meta has not invented yet are kept and
    told like the others. Call it in the transaction that finishes the bodies.
    """
    if not said:
        return []
    addressed, strays = await addressing.find(tx, said)
    await connections.count_strays(tx, strays)
    new = await keeping.keep(tx, [keeping.note(one, address) for one, address in addressed])
    about_templates = [one for one in new if templates.kind_of(one.value) is not None]
    others = [one for one in new if templates.kind_of(one.value) is None]
    return await templates.hear(tx, [_news(one) for one in about_templates]) + await accounts.apply(tx, others)


def _news(notice: Notice) -> News:
    return News(notice.address.brand_id, notice.address.connection_ids, notice.value, notice.at)
