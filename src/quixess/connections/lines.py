"""Lines: the Graph clients of a process."""

from quixess.meta.graph import Graph


class Lines:
    """The Graph clients of this process: one for each base URL, Meta's or a simulator's, opened when first used."""

    def __init__(self, *, version: str, timeout_s: float) -> None:
        self._version = version
        self._timeout_s = timeout_s
        self._graphs: dict[str, Graph] = {}

    async def to(self, graph_url: str) -> Graph:
        """Give the client for a base URL."""
        if (graph := self._graphs.get(graph_url)) is None:
            graph = Graph(base_url=graph_url, version=self._version, total_timeout_s=self._timeout_s)
            self._graphs[graph_url] = graph
            await graph.open()
        return graph

    async def close(self) -> None:
        """Close every client."""
        for graph in self._graphs.values():
            await graph.close()
        self._graphs.clear()
