"""What the load generator sends: whole HTTP requests as bytes, each with numbers of its own."""

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

Write = Callable[[int, int], bytes]
"""Writes request `number` for connection `line`."""

_WEBHOOK = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "WABA",
            "changes": [
                {
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "15550783881", "phone_number_id": "NUMBER"},
                        "contacts": [{"profile": {"name": "Frank"}, "wa_id": "PHONE"}],
                        "messages": [
                            {
                                "from": "PHONE",
                                "id": "WAMID",
                                "timestamp": "SECONDS",
                                "text": {"body": "MARK Is the blue one still there? My order is A-1001, thank you!"},
                                "type": "text",
                            }
                        ],
                    },
                    "field": "messages",
                }
            ],
        }
    ],
}


def phone(number: int) -> str:
    """Give the digits of one of eight million American mobile numbers."""
    return f"1281{200 + number // 10_000 % 800}{number % 10_000:04d}"


def otp(*, host: str, key: str, people: int) -> Write:
    """Send a one-time code, each with a new Idempotency-Key. `people` are written to in turn."""
    return _sends("otp", '"code":"CODE","template_name":"signup_otp","language":"en_US"', host, key, people)


def template(*, host: str, key: str, people: int) -> Write:
    """Send a template of two variables, as `otp` sends codes."""
    filled = '"template_name":"order_update","language":"en_US","variables":{"body":["Frank","A-CODE"]}'
    return _sends("template", filled, host, key, people)


def reply(*, host: str, key: str, people: int) -> Write:
    """Answer in free form, as `otp` sends codes; the windows of `people` must be open."""
    said = '"type":"text","text":{"body":"Your order A-CODE is ready, we are open until six."}'
    return _sends("reply", said, host, key, people)


def _sends(kind: str, said: str, host: str, key: str, people: int) -> Write:
    head = (
        f"POST /api/v1/whatsapp/external/send/{kind} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nX-API-Key: {key}\r\n"
    )

    def write(number: int, _line: int) -> bytes:
        body = f'{{"to":"+{phone(number % people)}",{said.replace("CODE", f"{number % 1_000_000:06d}")}}}'
        return f"{head}Idempotency-Key: {kind}-{number:012d}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    return write


def webhook(*, host: str, app_id: str, app_secret: str, waba_id: str, phone_number_id: str, people: int) -> Write:
    """Write to the business as Meta tells it: one text in one signed body. `people` write in turn."""
    head = (
        f"POST /webhooks/meta/{app_id} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\n"
        "Content-Type: application/json\r\n"
    )
    text = json.dumps(_WEBHOOK, separators=(",", ":")).replace("WABA", waba_id).replace("NUMBER", phone_number_id)
    secret = app_secret.encode()

    def write(number: int, line: int) -> bytes:
        body = (
            text.replace("PHONE", phone(number % people))
            .replace("WAMID", f"wamid.HBgLBENCHIN{number:016d}==")
            .replace("SECONDS", str(int(time.time())))
            .replace("MARK", f"line={line} at={time.monotonic_ns()}")
        ).encode()
        mark = hmac.digest(secret, body, "sha256").hex()
        return f"{head}X-Hub-Signature-256: sha256={mark}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    return write


def get(*, host: str, key: str, paths: list[str]) -> Write:
    """Read: these paths below the prefix of the API, in turn."""
    return _plain("GET", host, key, paths)


def post(*, host: str, key: str, paths: list[str]) -> Write:
    """Ask for something by its address alone: these paths, in turn."""
    return _plain("POST", host, key, paths)


def _plain(method: str, host: str, key: str, paths: list[str]) -> Write:
    tail = f" HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\nX-API-Key: {key}\r\n"
    tail += "\r\n" if method == "GET" else "Content-Length: 0\r\n\r\n"

    def write(number: int, _line: int) -> bytes:
        return f"{method} /api/v1/whatsapp/external{paths[number % len(paths)]}{tail}".encode()

    return write


KINDS: dict[str, Callable[..., Write]] = {
    "otp": otp,
    "template": template,
    "reply": reply,
    "webhook": webhook,
    "get": get,
    "post": post,
}


def writer(kind: str, facts: dict[str, Any]) -> Write:
    """Make the writer of a kind of request."""
    return KINDS[kind](**facts)
