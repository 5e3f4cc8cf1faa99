"""`/app/whatsapp/inbox`: who wrote, what was said, and the answer. Three panes: list, thread, facts.

`listing` (the left pane), `thread` (the middle and the right one, and what is pushed into them), `writing` (answers,
notes, files), `opening` (a template that opens a closed window), `caring` (assign, resolve, seen), `canned`, `files`.
"""

from quixess.dashboard.pages.inbox import canned, caring, files, opening, thread, writing

# Fixed addresses first: `{conversation}` takes every name.
PAGES = (*canned.PAGES, *files.PAGES, *thread.PAGES, *writing.PAGES, *opening.PAGES, *caring.PAGES)
