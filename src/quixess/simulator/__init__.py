"""A local Meta: Graph API, signed webhooks, a phone in the browser, and levers to make everything go wrong.

Stands alone: it shares no code with the rest of Quixess, so that a mistake about Meta cannot hide on both
sides of the wire. `serve` runs it; `build` gives the bare ASGI application over a `World`.
"""

from quixess.simulator.app import build
from quixess.simulator.model import Settings
from quixess.simulator.server import Options, serve
from quixess.simulator.statefile import StateFileError
from quixess.simulator.world import World

__all__ = ["Options", "Settings", "StateFileError", "World", "build", "serve"]
