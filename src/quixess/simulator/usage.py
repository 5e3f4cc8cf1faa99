"""Counts the calls about a WABA, tells in headers how much of the hour's quota is used, and refuses what goes over it.

Only management calls count: `/{WABA}` and its users, numbers, templates and subscriptions; messages and media do not
(Meta's page "Rate limits"). `x-business-use-case-usage` is in percent, and minutes until there is room again.
"""

import json
import math
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quixess.simulator import encoding, errors, mint
from quixess.simulator.world import World

_CALL = re.compile(r"(?:/(v\d+\.\d+))?/(\d+)(?:/(\w+))?")
_COUNTED = {None, "assigned_users", "phone_numbers", "message_templates", "subscribed_apps"}
_NEWEST = "v25.0"


class Usage:
    """Middleware around the Graph API; the levers and the phone pass untouched."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = _CALL.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if call is None:
            await self._app(scope, receive, send)
            return
        version, node, edge = call.groups()
        headers = {"facebook-api-version": version or _NEWEST, "x-fb-trace-id": mint.trace_id()}
        headers["x-fb-request-id"] = mint.trace_id()
        counted = node in self._world.book.wabas and edge in _COUNTED
        over = self._count(node, headers) if counted else False

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode()) for name, value in headers.items()]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        if over:
            refused = encoding.answer(errors.coded(80007).body(mint.trace_id()), 400)
            await refused(scope, receive, told)
        else:
            await self._app(scope, receive, told)

    def _count(self, waba_id: str, headers: dict[str, str]) -> bool:
        """Count a call and add the headers of usage; True if it goes over the limit. A refused call is free."""
        most, now = self._world.settings.management_calls_per_hour, self._world.now()
        recent = self._world.limits.calls(waba_id)
        over = most > 0 and recent.count(now) >= most
        if not over:
            recent.add(now)
        used = math.ceil(100 * recent.count(now) / most) if most else 0
        spent = {"call_count": used, "total_cputime": used // 4, "total_time": used // 4}
        wait = {"estimated_time_to_regain_access": math.ceil(recent.regained_in_s(now) / 60) if over else 0}
        headers["x-app-usage"] = json.dumps(spent, separators=(",", ":"))
        use_case = {"type": "whatsapp_business_management"} | spent | wait
        headers["x-business-use-case-usage"] = json.dumps({waba_id: [use_case]}, separators=(",", ":"))
        return over
