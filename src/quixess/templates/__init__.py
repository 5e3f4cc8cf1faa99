"""Templates: the cache of what Meta has approved, by connection, name and language.

A send is checked against the cache before Meta is asked. One that is missing or not approved there is looked up at
Meta once, so that a template approved a minute ago can be sent without anybody pressing a button. Meta's webhooks
change the cache at once; what they did not tell is found by comparing it with Meta's list.
"""

from quixess.templates.cache import HIDDEN, Template, choose, find, render_hidden, require_approved
from quixess.templates.hearing import Kind, News, hear, kind_of
from quixess.templates.listing import keep, mark_stale
from quixess.templates.sync import Sync

__all__ = [
    "HIDDEN",
    "Kind",
    "News",
    "Sync",
    "Template",
    "choose",
    "find",
    "hear",
    "keep",
    "kind_of",
    "mark_stale",
    "render_hidden",
    "require_approved",
]
