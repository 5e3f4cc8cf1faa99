"""Onboarding: a number connected, disconnected and connected again, with everything at Meta that belongs to it.

The command line and the management API call the same verbs of `Onboarding`. Inside: `connecting`, `parting`
(disconnect, an app's new secret, a number's new PIN), `telling` (what the brand hears and the audit keeps).
"""

from quixess.onboarding.connecting import Connected, Onboarding, Webhook
from quixess.onboarding.parting import Parted, Parting

__all__ = ["Connected", "Onboarding", "Parted", "Parting", "Webhook"]
