"""Templates: the cache of what Meta has approved, by connection, name and language.

A send is checked against the cache before Meta is asked. One that is missing or not approved there is looked up at
Meta once, so that a template approved a minute ago can be sent without anybody pressing a button. Meta's webhooks
change the cache at once; what they did not tell is found by comparing it with Meta's list.
"""

from quixess.templates.cache import HIDDEN, Template, choose, find, render_hidden, require_approved
from quixess.templates.filling import check, fill
from quixess.templates.hearing import Kind, News, hear, kind_of
from quixess.templates.listing import keep, mark_stale
from quixess.templates.parameters import ButtonParameter, Parameter, Parameters
from quixess.templates.parameters import describe as describe_parameters
from quixess.templates.rendering import render, secrets, words
from quixess.templates.sync import Sync
from quixess.templates.variables import Variables

__all__ = [
    "HIDDEN",
    "ButtonParameter",
    "Kind",
    "News",
    "Parameter",
    "Parameters",
    "Sync",
    "Template",
    "Variables",
    "check",
    "choose",
    "describe_parameters",
    "fill",
    "find",
    "hear",
    "keep",
    "kind_of",
    "mark_stale",
    "render",
    "render_hidden",
    "require_approved",
    "secrets",
    "words",
]
