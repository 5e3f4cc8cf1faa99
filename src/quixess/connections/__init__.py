"""Connections: a brand's WhatsApp Business Account, its phone number, and the sealed token that speaks for it.

The top of this folder is what others use. Inside: `model`, `lines` (the Graph clients of a process), `apps` (Meta apps
and their secrets), `finding`, `numbers` (whose a webhook's item is), `keeping` (connect, disconnect), `proving` (a
claim held against Meta), `claiming` (what is due, taken by one process), `tokens` and `rotation` (tokens looked after,
exchanged before they die, flagged when dead).
"""

from quixess.connections.apps import check_keyring, end_overlap, find_app, forget_unused_app, keep_app, replace_secret
from quixess.connections.claiming import Due, claim, keep_throughput
from quixess.connections.finding import (
    active,
    find_connection,
    find_pin,
    find_sender,
    is_last,
    list_connections,
    load,
    load_each,
    none_active,
    none_such,
    number_of,
    why_closed,
    why_none,
)
from quixess.connections.keeping import check_free, connect, disconnect, disconnect_others, keep_pin, send_from
from quixess.connections.lines import Lines
from quixess.connections.model import App, Claim, Connection, Entry, Facts, NotConnectable, Number, Stray
from quixess.connections.numbers import count_strays, find_accounts, find_numbers, note_handshake, note_webhooks
from quixess.connections.proving import prove, prove_secret, step
from quixess.connections.tokens import flag_unauthorized

__all__ = [
    "App",
    "Claim",
    "Connection",
    "Due",
    "Entry",
    "Facts",
    "Lines",
    "NotConnectable",
    "Number",
    "Stray",
    "active",
    "check_free",
    "check_keyring",
    "claim",
    "connect",
    "count_strays",
    "disconnect",
    "disconnect_others",
    "end_overlap",
    "find_accounts",
    "find_app",
    "find_connection",
    "find_numbers",
    "find_pin",
    "find_sender",
    "flag_unauthorized",
    "forget_unused_app",
    "is_last",
    "keep_app",
    "keep_pin",
    "keep_throughput",
    "list_connections",
    "load",
    "load_each",
    "none_active",
    "none_such",
    "note_handshake",
    "note_webhooks",
    "number_of",
    "prove",
    "prove_secret",
    "replace_secret",
    "send_from",
    "step",
    "why_closed",
    "why_none",
]
