"""Numbers with a fate of their own: +1 555 010 0001 and on. The only list of them; the docs are tested by it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Magic:
    """`outcome` is a name for `outcomes.named`; `tells` is one line for people."""

    outcome: str
    tells: str


NAMELESS = "15550100024"
NAMELESS_USER = "US.13491208655302741918"
RECIPIENTS: dict[str, Magic] = {
    "15550100001": Magic("async:131026", "accepted, then failed: undeliverable"),
    "15550100002": Magic("async:131047", "accepted, then failed: the 24 h window is closed"),
    "15550100003": Magic("132001", "refused: the template does not exist"),
    "15550100004": Magic("190", "refused: the access token has expired"),
    "15550100005": Magic("130429", "refused: throughput reached"),
    "15550100006": Magic("slow", "accepted, answered only after `slow_answer_s` (30 s)"),
    "15550100007": Magic("reset_after_accept", "accepted, then the connection is reset without an answer"),
    "15550100008": Magic("http_500", "HTTP 500, not accepted"),
    "15550100009": Magic("no_status", "accepted, and no status ever comes"),
    "15550100010": Magic("status_first", "the status webhooks arrive before the HTTP answer"),
    "15550100011": Magic("never_read", "sent and delivered, never read"),
    "15550100012": Magic("read_without_delivered", "sent, then read; delivered never comes"),
    "15550100013": Magic("131026", "refused: undeliverable"),
    "15550100014": Magic("131008", "refused: a required parameter is missing"),
    "15550100015": Magic("async:131049", "accepted, then failed: this user gets enough marketing"),
    "15550100016": Magic("async:131050", "accepted, then failed: the user stopped your marketing"),
    "15550100017": Magic("async:131042", "accepted, then failed: nobody pays for this account"),
    "15550100018": Magic("delivered_and_failed", "sent, delivered, then failed, as with two devices"),
    "15550100019": Magic("played", "sent, delivered, read, played"),
    "15550100020": Magic("dropped", "sent, and then silence: the time to live was over"),
    "15550100021": Magic("held", "held for quality assessment, then sent, delivered and read"),
    "15550100022": Magic("held_then_dropped", "held for quality assessment, then failed: 132015"),
    "15550100023": Magic("paused", "answered as paused, then failed: 132015"),
    "15550100024": Magic("ok", "a user of whom Meta tells the `user_id` and never the number"),
    "15550100025": Magic("131057", "refused: the account is in maintenance"),
}
