"""Runs the simulator on a port until it is cancelled or told to stop."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from quixess.simulator import app as application
from quixess.simulator import resets, statefile
from quixess.simulator.model import Settings
from quixess.simulator.world import World

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_GRACE_S = 2


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. `port` 0 takes any free one; without `state_path` nothing is kept.

    With `media_port` (0: any free one) the bytes of files are on that port only, as Meta has them on another host.

    `seed` makes the ids and secrets of a new world repeatable; an existing state file wins over it.
    `settings` replaces the kept ones. `handle_signals` stops on SIGTERM and SIGINT of this process.
    """

    host: str = "127.0.0.1"
    port: int = 0
    media_port: int | None = None
    state_path: Path | None = None
    seed: int | None = None
    settings: Settings | None = None
    handle_signals: bool = False


async def serve(options: Options, on_ready: Callable[[str], None]) -> None:
    """Run until cancelled (or signalled). `on_ready` gets the base URL once requests are answered.

    Raises OSError if the port is taken, StateFileError if the state file is not one.
    """
    ports = [options.port] if options.media_port is None else [options.port, options.media_port]
    with ExitStack() as stack:
        listeners = [stack.enter_context(_listen(options.host, port)) for port in ports]
        world = _world(options)
        world.media_port = listeners[1].getsockname()[1] if len(listeners) > 1 else None
        async with _kept(options.state_path, world):
            await _run(_Server(application.build(world), listeners, on_ready), options)


class _Server(uvicorn.Server):
    """Leaves the process's signal handlers alone, and ends deliberate waits before it waits for requests."""

    def __init__(self, app: Starlette, listeners: list[socket.socket], on_ready: Callable[[str], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=resets.AbortableProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._closing: asyncio.Event = app.state.closing
        self.listeners = listeners
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready(_base_url(self.listeners[0]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets)

    def stop(self) -> None:
        self.should_exit = True


async def _run(server: _Server, options: Options) -> None:
    """Run to the orderly end, for which a cancelled caller still waits; a signal only asks for it."""
    loop = asyncio.get_running_loop()
    signals = _STOP_SIGNALS if options.handle_signals else ()
    for number in signals:
        loop.add_signal_handler(number, server.stop)
    running = asyncio.create_task(server.serve(sockets=server.listeners))
    try:
        await asyncio.shield(running)
    finally:
        server.stop()
        await running
        for number in signals:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _kept(path: Path | None, world: World) -> AsyncIterator[None]:
    if path is None:
        yield
        return
    statefile.save(path, world)
    keeper = asyncio.create_task(statefile.keep(path, world))
    try:
        yield
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        statefile.save(path, world)


def _world(options: Options) -> World:
    known = statefile.load(options.state_path) if options.state_path else None
    world = known or World.create(options.seed)
    if options.settings is not None:
        world.settings = options.settings
    return world


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    # Connections inherit it. asyncio sets it only where the protocol is named: else an answer's body waits 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _base_url(listener: socket.socket) -> str:
    """Return a URL that works from this machine, also when listening on every address."""
    host, port = listener.getsockname()[:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"
