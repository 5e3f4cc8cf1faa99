"""Quixess: a self-hosted, scoped HTTP API in front of Meta's WhatsApp Cloud API."""

__version__ = "0.1.0"
"""The one place that says it: the package, the API's document and our User-Agent take it from here."""
