"""Chance: ids and fates. With a seed each purpose has a sequence of its own, so that concurrency changes nothing."""

import random
import secrets


class Draws:
    """Where randomness comes from. `drawn` counts what was drawn for each purpose; it is kept over restarts."""

    def __init__(self, seed: int | None = None, drawn: dict[str, int] | None = None) -> None:
        self.seed = seed
        self.drawn = {} if drawn is None else drawn

    def source(self, purpose: str) -> random.Random:
        """Return randomness for one draw: the operating system's, or the next of that purpose under the seed."""
        if self.seed is None:
            return secrets.SystemRandom()
        self.drawn[purpose] = self.drawn.get(purpose, 0) + 1
        return random.Random(f"{self.seed}:{purpose}:{self.drawn[purpose]}")  # noqa: S311 - a seed is the wish

    def one_of(self, shares: dict[str, float], purpose: str) -> str | None:
        """Draw a name, each with its share of all cases; None for the rest. Nothing is drawn where there are none."""
        drawn = self.source(purpose).random() if shares else 1.0
        for name, share in shares.items():
            drawn -= share
            if drawn < 0:
                return name
        return None

    def chance(self, share: float, purpose: str) -> bool:
        """Tell whether something happens that happens in that share of cases (0 to 1)."""
        return share > 0 and self.source(purpose).random() < share
