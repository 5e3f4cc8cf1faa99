"""Runs Quixess while a timer of CPU time looks at what Python is doing: `python -m bench.sampling FILE serve --work`.

About every millisecond of CPU time (as the kernel's clock allows) the stack is written down, so that what it costs to
look is the same for all and small. Work in C shows at the line that called it; what the event loop does by itself shows
as `uvloop`.
"""

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from quixess import cli

_EVERY_S = 0.001
_stacks: Counter[tuple[str, ...]] = Counter()


def _look(_signal: int, frame: FrameType | None) -> None:
    stack = []
    while frame is not None:
        code = frame.f_code
        stack.append(f"{_place(code.co_filename)}:{frame.f_lineno} {code.co_qualname}")
        frame = frame.f_back
    _stacks[tuple(stack)] += 1


def _place(filename: str) -> str:
    parts = Path(filename).parts
    for root in ("site-packages", "src", "python3.11"):
        if root in parts:
            return "/".join(parts[parts.index(root) + 1 :])
    return parts[-1]


def main() -> None:
    """Run the command line of Quixess and write the stacks, each with how often it was seen, when it ends."""
    file = Path(sys.argv.pop(1))
    signal.signal(signal.SIGPROF, _look)
    signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
    try:
        cli.main()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        file.write_text(json.dumps([[list(stack), seen] for stack, seen in _stacks.items()]))


if __name__ == "__main__":
    main()
