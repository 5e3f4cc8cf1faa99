"""Meta's WhatsApp Cloud API as seen by a client: what to send, how to ask, what comes back.

An outbuilding: it imports nothing of Quixess and could be released by itself.
"""
