"""Media: what customers send as files, fetched from Meta at once, verified, kept once by hash, handed out."""

from quixess.media.catalogue import Expected, expect

__all__ = ["Expected", "expect"]
