"""Quixess: a self-hosted, scoped HTTP API in front of Meta's WhatsApp Cloud API."""
