"""Lines: the Graph clients of a process."""

from collections import Counter
from collections.abc import Awaitable
from time import perf_counter

from quixess import tallies, traces
from quixess.meta.graph import Accepted, Graph, NotSent, Outcome, Rejected, Unknown
from quixess.tallies import Spread

_WORDS = {Rejected: "rejected", NotSent: "not_sent", Unknown: "unknown"}


class Lines:
    """The Graph clients of this process: one for each base URL, Meta's or a simulator's, opened when first used.

    `sends` counts how sends ended at Meta (`accepted`, `rejected`, `not_sent`, `unknown`), `took_s` after how long.
    """

    def __init__(self, *, version: str, timeout_s: float) -> None:
        self._version = version
        self._timeout_s = timeout_s
        self._graphs: dict[str, Graph] = {}
        self.sends: Counter[str] = Counter(dict.fromkeys(("accepted", *_WORDS.values()), 0))
        self.took_s = Spread(tallies.SECONDS)

    async def to(self, graph_url: str) -> Graph:
        """Give the client for a base URL."""
        if (graph := self._graphs.get(graph_url)) is None:
            graph = Graph(base_url=graph_url, version=self._version, total_timeout_s=self._timeout_s)
            self._graphs[graph_url] = graph
            await graph.open()
        return graph

    async def watch(self, send: Awaitable[Accepted]) -> Accepted:
        """Await a send, and count how it ended. Raises what it raises."""
        began, word = perf_counter(), "unknown"  # one that is cancelled may have left
        with traces.call("send at Meta") as span:
            try:
                accepted = await send
                word = "accepted"
            except Outcome as outcome:
                word = _WORDS.get(type(outcome), word)
                raise
            finally:
                self.sends[word] += 1
                self.took_s.add(perf_counter() - began)
                span.set_attribute("quixess.outcome", word)
        return accepted

    async def close(self) -> None:
        """Close every client."""
        for graph in self._graphs.values():
            await graph.close()
        self._graphs.clear()
