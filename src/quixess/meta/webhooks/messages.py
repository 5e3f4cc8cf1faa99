"""Messages as Meta writes them: what a user wrote, what the phone app sent, what its history tells."""

from typing import Any

from quixess.meta.webhooks.items import Echo, HistoryMessage, InboundMessage, Object
from quixess.meta.webhooks.reading import (
    Source,
    Unreadable,
    as_object,
    digits,
    identify,
    objects,
    seconds,
    user,
    word,
)


def read_inbound(source: Source, message: Any) -> InboundMessage:
    """Read one of `messages`."""
    wamid = identify(source, message)
    parent = word(message.get("from_parent_user_id"))
    who = user(source, digits(message.get("from")), word(message.get("from_user_id")), parent)
    return InboundMessage(
        from_phone=who.phone,
        from_user_id=who.user_id,
        parent_user_id=who.parent_user_id,
        username=who.username,
        profile_name=who.name,
        **_said(source, wamid, message),
    )


def read_echo(source: Source, message: Any) -> Echo:
    """Read one of `message_echoes`."""
    wamid = identify(source, message)
    who = user(source, digits(message.get("to")), word(message.get("to_user_id")))
    return Echo(
        to_phone=who.phone,
        to_user_id=who.user_id,
        username=who.username,
        profile_name=who.name,
        **_said(source, wamid, message),
    )


def read_past(source: Source, message: Any, thread: str | None) -> HistoryMessage:
    """Read a message of `history`. `thread` names the user, by phone or user id; None asks the message itself."""
    wamid = identify(source, message)
    sender, recipient, own = word(message.get("from")), word(message.get("to")), source.own_digits
    outbound = digits(sender) == own if own else thread is not None and recipient == thread != sender
    named = thread or (recipient if outbound else sender)
    spare = word(message.get("to_user_id" if outbound else "from_user_id"))
    phone = digits(named)
    who = user(source, phone, spare or (None if phone else named))
    status = word(as_object(message.get("history_context")).get("status"))
    return HistoryMessage(
        thread_phone=who.phone,
        thread_user_id=who.user_id,
        outbound=outbound,
        status=status.lower() if status else None,
        username=who.username,
        profile_name=who.name,
        **_said(source, wamid, message),
    )


def threads_of(history: Any) -> list[tuple[str | None, list[Any]]]:
    """Give the threads of one of `history`, each the user and the messages. Raises Unreadable when it has none."""
    threads = as_object(history).get("threads")
    if type(threads) is not list:
        raise Unreadable("without threads")
    found = []
    for thread in threads:
        messages = as_object(thread).get("messages")
        if type(messages) is not list:
            raise Unreadable("with a thread that has no messages")
        context = as_object(thread.get("context"))
        found.append((word(thread.get("id")) or word(context.get("wa_id")) or word(context.get("user_id")), messages))
    return found


def _said(source: Source, wamid: str, message: Object) -> dict[str, Any]:
    kind = word(message.get("type")) or "unsupported"
    context = as_object(message.get("context"))
    content = _content(kind, message.get(kind))
    errors = objects(message.get("errors"))
    product, referral = context.get("referred_product"), message.get("referral")
    return {
        "waba_id": source.waba_id,
        "phone_number_id": source.phone_number_id,
        "display_phone": source.display_phone,
        "wamid": wamid,
        "timestamp": seconds(message.get("timestamp")),
        "type": kind,
        "content": content,
        "context_wamid": word(context.get("id")),
        "forwarded": context.get("forwarded") is True,
        "frequently_forwarded": context.get("frequently_forwarded") is True,
        "referred_product": product if type(product) is dict else None,
        "referral": referral if type(referral) is dict else None,
        "group_id": word(message.get("group_id")),
        "errors": errors or ([] if content else source.errors),
        "raw": message,
    }


def _content(kind: str, content: Any) -> Object:
    if type(content) is list:
        return {kind: content}
    return content if type(content) is dict else {}
