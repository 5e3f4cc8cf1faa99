"""The sandbox: what a page needs to show the whole loop without Meta, for a brand on the simulated one.

Inside: `handset` (the simulated phones, over the simulator's own HTTP; it is never imported), `kit` (a key that reaches
no real number, and how things stand), `catcher` (an endpoint of ours that verifies and keeps what it gets), `samples`
(a picture and a voice note to send).
"""

from quixess.sandbox.handset import Bubble, Button, Chat, Handset, State
from quixess.sandbox.kit import PHONES, Kit, Phone

__all__ = ["PHONES", "Bubble", "Button", "Chat", "Handset", "Kit", "Phone", "State"]
