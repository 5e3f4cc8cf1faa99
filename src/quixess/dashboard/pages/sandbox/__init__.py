"""`/app/sandbox`: the whole loop on one page. A code is sent, a phone shows it, events are delivered and answered.

Inside: `standing` (which number, which phone, and what it shows), `trying` (the page, and the request that it runs),
`phone` (what its holder does), `levers` (what may go wrong), `events` (the third column, and the catcher).
"""

from quixess.dashboard.pages.sandbox import events, levers, phone, trying

PAGES = (*trying.PAGES, *phone.PAGES, *levers.PAGES, *events.PAGES)
