"""Reading: messages and conversations as they are listed, found and looked at, for one brand at a time.

Under the reader's role. A page costs the same wherever in a list it lies, and looks at a bounded number of rows: what
few rows pass is given in short pages, each with the place where the next one goes on.
"""

from quixess.messages.reading import conversations, messages

__all__ = ["conversations", "messages"]
