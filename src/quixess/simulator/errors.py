"""Every error the simulated Graph API can answer, in Meta's exact shape.

Texts follow Meta's error-code page and answers recorded in public issue threads. A code that is not in the
table still works as a scripted fault; it then says that it is simulated.
"""

from dataclasses import dataclass

from quixess.simulator import model

HREF = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"
_READ_THE_DOCS = "Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api"
_FIRST_MESSAGING_CODE = 130_000
_WITHOUT_NUMBER = {0, 1, 2, 190}


@dataclass(frozen=True, slots=True)
class Known:
    """One of Meta's codes: HTTP status, title, and the `error_data.details` when nothing better is known."""

    status: int
    title: str
    details: str = ""
    subcode: int | None = None
    transient: bool = False


CATALOGUE: dict[int, Known] = {
    0: Known(401, "We were unable to authenticate the app user."),
    1: Known(400, "An unknown error occurred"),
    2: Known(503, "An unexpected error has occurred. Please retry your request later.", transient=True),
    3: Known(500, "Application does not have the capability to make this API call."),
    4: Known(400, "Application request limit reached", transient=True),
    10: Known(403, "Application does not have permission for this action"),
    15: Known(400, "This method must be called with an app access_token."),
    33: Known(400, "The business phone number has been deleted."),
    100: Known(400, "Invalid parameter"),
    190: Known(
        401,
        "Error validating access token: Session has expired on Monday, 05-Jan-26 10:00:00 PST. "
        "The current time is Monday, 05-Jan-26 11:00:00 PST.",
        subcode=463,
    ),
    200: Known(403, "You do not have the necessary permissions to send messages for this account."),
    368: Known(403, "Temporarily blocked for policies violations"),
    613: Known(429, "Calls to this api have exceeded the rate limit."),
    2200: Known(400, "Callback verification failed"),
    80007: Known(400, "There have been too many calls from this WhatsApp Business account.", transient=True),
    130429: Known(400, "Rate limit hit", "Cloud API message throughput has been reached."),
    130472: Known(400, "User's number is part of an experiment", "User's number is part of an experiment"),
    130497: Known(403, "Business account is restricted from messaging users in this country."),
    131000: Known(500, "Something went wrong", "Message failed to send due to an unknown error."),
    131005: Known(403, "Access denied"),
    131008: Known(400, "Required parameter is missing"),
    131009: Known(400, "Parameter value is not valid"),
    131016: Known(500, "Service unavailable", transient=True),
    131021: Known(400, "Recipient cannot be sender"),
    131026: Known(400, "Message undeliverable", "Message Undeliverable."),
    131030: Known(400, "Recipient phone number not in allowed list"),
    131031: Known(403, "Business Account locked"),
    131037: Known(400, "Phone number needs display name approval before message can be sent."),
    131042: Known(400, "Business eligibility payment issue"),
    131045: Known(500, "Message failed to send due to a phone number registration error."),
    131047: Known(
        400,
        "Re-engagement message",
        "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    ),
    131048: Known(400, "Spam rate limit hit"),
    131049: Known(
        400,
        "This message was not delivered to maintain healthy ecosystem engagement.",
        "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    ),
    131050: Known(400, "Unable to deliver the message. The recipient stopped your marketing messages."),
    131051: Known(400, "Unsupported message type"),
    131052: Known(400, "Media download error"),
    131053: Known(400, "Media upload error", "Unable to upload the media used in the message."),
    131056: Known(400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: Known(500, "Account in maintenance mode", transient=True),
    131059: Known(400, "Invalid pagination cursor"),
    131062: Known(400, "Business-scoped user ID recipients are not supported for this message"),
    132000: Known(400, "Number of parameters does not match the expected number of params"),
    132001: Known(404, "Template name does not exist in the translation"),
    132005: Known(400, "Translated text too long"),
    132007: Known(400, "Template content policy violated"),
    132012: Known(400, "Parameter format does not match format in the created template"),
    132015: Known(400, "Template is paused"),
    132016: Known(400, "Template is disabled"),
    132018: Known(400, "There's an issue with the parameters in your template"),
    133004: Known(503, "Server is temporarily unavailable", transient=True),
    133000: Known(500, "Incomplete deregistration", "A previous deregistration attempt has not completed."),
    133005: Known(400, "Two step verification PIN mismatch"),
    133006: Known(400, "Phone number re-verification needed", "Phone number needs to be verified before registering."),
    133008: Known(400, "Too many two step verification PIN guesses"),
    133009: Known(400, "Two step verification PIN guessed too fast"),
    133010: Known(400, "Account not registered"),
    133015: Known(
        400, "Please wait a few minutes before attempting to register this phone number", "Deletion is not complete."
    ),
    133016: Known(
        400, "Account register deregister rate limit exceeded", "More than 10 attempts were made within 72 hours."
    ),
    135000: Known(400, "Generic user error"),
    137000: Known(400, "Recipient identity key hash mismatch"),
    2593109: Known(400, "History sync is turned off by the business from the WhatsApp Business App"),
}

_UNFIT = {
    2388040: "Character Limit Exceeded",
    2388042: 'Message template "components" param has unexpected field(s)',
    2388043: 'Message template "components" param is missing expected field(s)',
    2388047: "Message Header Format Is Incorrect",
    2388072: "Message Body Format Is Incorrect",
    2388073: "Message Footer Format Is Incorrect",
    2388273: "Message Template Is Missing a Sample",
    2388293: "Params Words Ratio Exceeds Limit",
    2388299: "Leading or Trailing Params Not Allowed",
}


class GraphError(Exception):
    """An answer of Meta's that is an error. Carries no word the caller sent beyond names and counts."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        kind: str = "OAuthException",
        subcode: int | None = None,
        details: str = "",
        transient: bool = False,
        user: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.subcode = subcode
        self._extra: model.Json = {}
        if code >= _FIRST_MESSAGING_CODE or details:
            self._extra["error_data"] = {"messaging_product": "whatsapp", "details": details or message}
        if subcode is not None:
            self._extra["error_subcode"] = subcode
        if transient:
            self._extra["is_transient"] = True
        if user is not None:
            self._extra |= {"error_user_title": user[0], "error_user_msg": user[1]}
        self._kind = kind

    def body(self, trace_id: str) -> model.Json:
        """Return the JSON body: `error` with message, type, code, what else Meta gives for this one, fbtrace_id."""
        head = {"message": self.message, "type": self._kind, "code": self.code}
        return {"error": head | self._extra | {"fbtrace_id": trace_id}}


def coded(code: int, details: str = "") -> GraphError:
    """Meta's error of that code; `details` replaces the usual ones."""
    known = _known(code)
    return GraphError(
        known.status,
        code,
        known.title if code in _WITHOUT_NUMBER else f"(#{code}) {known.title}",
        subcode=known.subcode,
        details=details or known.details,
        transient=known.transient,
    )


def parameter(text: str) -> GraphError:
    """Say what is wrong with a misspelt, missing or oversized parameter: code 100."""
    return GraphError(400, 100, f"(#100) {text}")


def unknown_object(method: str, node: str) -> GraphError:
    """No such id, or not yours: Meta does not tell the two apart (code 100, subcode 33)."""
    text = (
        f"Unsupported {method.lower()} request. Object with ID '{node}' does not exist, cannot be loaded "
        f"due to missing permissions, or does not support this operation. {_READ_THE_DOCS}"
    )
    return GraphError(400, 100, text, kind="GraphMethodException", subcode=33)


def unknown_path(path: str) -> GraphError:
    return GraphError(400, 2500, f"Unknown path components: {path}")


def token_missing() -> GraphError:
    text = "An active access token must be used to query information about the current user."
    return GraphError(401, 2500, text)


def token_invalid() -> GraphError:
    return GraphError(401, 190, "Invalid OAuth access token - Cannot parse access token")


def duplicate_template(language: str) -> GraphError:
    title = "Content in This Language Already Exists"
    text = f"There is already {language} content for this template. You can create a new template."
    return GraphError(400, 100, "Invalid parameter", subcode=2388024, user=(title, text))


def blocked_template(language: str) -> GraphError:
    """Refuse a name that was deleted less than 30 days ago."""
    title = "Message Template Language Is Being Deleted"
    text = (
        f"New {language} content can't be added while the existing {language} content is being deleted. "
        "Try again in 4 weeks or create a new message template."
    )
    return GraphError(400, 100, "Invalid parameter", subcode=2388023, user=(title, text))


def too_many_templates(limit: int) -> GraphError:
    title = "Message Template Limit Exceeded"
    text = f"This WhatsApp Business Account already has {limit} message templates, which is its limit."
    return GraphError(400, 100, "Invalid parameter", subcode=2388019, user=(title, text))


def unfit(subcode: int, text: str) -> GraphError:
    """Refuse the texts of a new template; the subcode says which rule they break."""
    return GraphError(400, 100, "Invalid parameter", subcode=subcode, user=(_UNFIT[subcode], text))


def unchangeable_template(text: str) -> GraphError:
    """Say why Meta lets nobody change or remove this template now."""
    return GraphError(400, 100, "Invalid parameter", user=("Message Template Can't Be Changed", text))


def callback_refused(reason: str) -> GraphError:
    text = f"(#2200) Callback verification failed with the following errors: {reason}"
    return GraphError(400, 2200, text)


def failure(code: int) -> model.Json:
    """Show the same error as a `statuses[].errors[]` entry: title, message, error_data, href."""
    known = _known(code)
    return {
        "code": code,
        "title": known.title,
        "message": known.title,
        "error_data": {"details": known.details or known.title},
        "href": HREF,
    }


def _known(code: int) -> Known:
    return CATALOGUE.get(code) or Known(400, "Simulated error", "A scripted fault asked for this code.")
