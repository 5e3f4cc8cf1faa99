"""Every error a caller can meet: one code, one status, one title.

`CATALOGUE` is the single list; docs/errors.md is checked against it. Rooms raise `QuixessError` by code, the
doors turn it into an RFC 9457 problem body. No error ever carries a value the caller sent: an OTP code or a
token in a bad request must not come back in an answer that ends up in somebody's log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

CATALOGUE: dict[str, tuple[int, str]] = {
    "invalid_request": (400, "The request is not valid"),
    "invalid_json": (400, "The body is not valid JSON"),
    "invalid_phone": (400, "The phone number is not valid"),
    "invalid_cursor": (400, "The cursor is not valid"),
    "invalid_idempotency_key": (400, "The Idempotency-Key header is not valid"),
    "bsuid_not_supported": (400, "This message needs a phone number"),
    "media_too_large": (400, "The file is too large for WhatsApp"),
    "media_type_not_supported": (400, "WhatsApp does not take files of this type"),
    "media_type_mismatch": (400, "The file is not what it is said to be"),
    "template_parameters": (400, "The parameters do not fit the template"),
    "template_rules": (400, "The template breaks a rule of WhatsApp's"),
    "not_authentication_template": (400, "The template is not an authentication template"),
    "brand_not_bound": (400, "The API key is not bound to a brand"),
    "conflicting_credentials": (400, "Two different credentials were sent"),
    "missing_api_key": (401, "No API key was sent"),
    "invalid_api_key": (401, "The API key is not valid"),
    "missing_operator_token": (401, "No operator token was sent"),
    "invalid_operator_token": (401, "The operator token is not valid"),
    "not_signed_in": (401, "Nobody is signed in"),
    "wrong_credentials": (401, "The e-mail address or the password is not right"),
    "invalid_signature": (401, "The signature is not valid"),
    "insufficient_scope": (403, "The API key lacks the scope for this"),
    "brand_suspended": (403, "The brand is suspended"),
    "ip_not_allowed": (403, "The API key may not be used from this address"),
    "key_constraint": (403, "The API key is not allowed to do this"),
    "destination_not_allowed": (403, "The API key may not send to this number"),
    "role_not_allowed": (403, "Your role does not allow this"),
    "cross_site_request": (403, "The request came from another site"),
    "verification_failed": (403, "The verify token does not match"),
    "not_found": (404, "There is nothing here"),
    "no_active_connection": (404, "The brand has no active WhatsApp connection"),
    "brand_not_found": (404, "There is no such brand"),
    "connection_not_found": (404, "There is no such connection"),
    "template_not_found": (404, "The template is not in the cache"),
    "event_not_found": (404, "There is no such event"),
    "replay_not_found": (404, "There is no such replay"),
    "media_not_found": (404, "There is no such file"),
    "message_not_found": (404, "There is no such message"),
    "conversation_not_found": (404, "There is no such conversation"),
    "person_not_found": (404, "There is no such person"),
    "quoted_message_not_found": (404, "The message is not in this conversation"),
    "method_not_allowed": (405, "The method is not allowed here"),
    "request_timeout": (408, "The request took too long to arrive"),
    "not_connectable": (409, "The number cannot be connected like this"),
    "template_not_approved": (409, "The template is not approved"),
    "template_conflict": (409, "The template cannot be changed like this now"),
    "recipient_opted_out": (409, "The recipient wants no marketing"),
    "window_closed": (409, "The customer service window is closed"),
    "idempotency_in_progress": (409, "A request with this Idempotency-Key is still running"),
    "webhook_not_configured": (409, "No endpoint gets this event"),
    "person_exists": (409, "The person is there already"),
    "last_owner": (409, "A brand needs an owner"),
    "second_factor_on": (409, "The second factor is on already"),
    "delivery_in_progress": (409, "The event is on its way already"),
    "media_failed": (409, "The file could not be fetched"),
    "payload_expired": (410, "The event is no longer kept"),
    "media_gone": (410, "The file no longer exists"),
    "link_gone": (410, "The link is no longer good"),
    "payload_too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The content type is not supported"),
    "range_not_satisfiable": (416, "The file does not reach that far"),
    "idempotency_key_reused": (422, "The Idempotency-Key was used for another request"),
    "rate_limited": (429, "Too many requests"),
    "otp_recipient_limited": (429, "Too many codes for this number"),
    "whatsapp_rate_limited": (429, "WhatsApp asks to slow down"),
    "headers_too_large": (431, "The headers are too large"),
    "internal_error": (500, "Something went wrong on our side"),
    "whatsapp_error": (502, "WhatsApp rejected the message"),
    "whatsapp_connection_unauthorized": (502, "WhatsApp no longer accepts the connection's token"),
    "outcome_unknown": (502, "WhatsApp never confirmed the message"),
    "upstream_unavailable": (503, "WhatsApp cannot be reached"),
    "database_unavailable": (503, "The database cannot be reached"),
    "media_not_ready": (503, "The file is still being fetched"),
    "overloaded": (503, "Too much is waiting already"),
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field's fault. `pointer` is a JSON Pointer (RFC 6901) into the body; `detail` names the fix.

    Outside of a body `parameter` names the query parameter, part of the path or header at fault instead.
    """

    pointer: str | None
    code: str
    detail: str
    parameter: str | None = None

    def as_json(self) -> dict[str, str]:
        """Give one entry of `errors`."""
        place = {"pointer": self.pointer} if self.pointer is not None else {"parameter": self.parameter or ""}
        return {**place, "code": self.code, "detail": self.detail}


class QuixessError(Exception):
    """An error that a caller may see. `code` must stand in `CATALOGUE`; `detail` says what to do about it.

    `extra` goes into the problem body as it is, so it may hold only what the caller is allowed to read.
    `retry_after_s` becomes a Retry-After header, in whole seconds; `headers` go along as they are.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after_s: int | None = None,
        extra: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.status, self.title = CATALOGUE[code]
        self.code = code
        self.detail = detail
        self.errors = errors
        self.retry_after_s = retry_after_s
        self.extra = extra or {}
        self.headers = headers or {}

    def with_headers(self, headers: Mapping[str, str]) -> "QuixessError":
        """Make the same error with these headers: one error may answer many requests at once."""
        return QuixessError(
            self.code,
            self.detail,
            errors=self.errors,
            retry_after_s=self.retry_after_s,
            extra=self.extra,
            headers=headers,
        )


def at(pointer: str, code: str, detail: str, extra: dict[str, Any] | None = None) -> QuixessError:
    """Build an error with a code of its own that is the fault of one field."""
    return QuixessError(code, detail, errors=(FieldError(pointer, code, detail),), extra=extra)


def invalid(pointer: str, code: str, detail: str) -> QuixessError:
    """Build a 400 for one field. `code` is the field's code, such as `required` or `too_long`."""
    return QuixessError("invalid_request", detail, errors=(FieldError(pointer, code, detail),))


def write_problem(error: QuixessError, request_id: str) -> bytes:
    """Write an error as the JSON text of an RFC 9457 problem, with the extensions of docs/errors.md.

    `error.extra` can add members but never replace one.
    """
    problem: dict[str, Any] = {
        "type": f"/docs/errors#{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "request_id": request_id,
    }
    if error.errors:
        problem["errors"] = [fault.as_json() for fault in error.errors]
    return msgspec.json.encode(problem | error.extra | problem)
