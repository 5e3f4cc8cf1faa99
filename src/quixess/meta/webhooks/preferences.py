"""What users want to get from a business."""

from typing import Any

from quixess.meta.webhooks.items import Preference
from quixess.meta.webhooks.reading import Source, Unreadable, digits, require_number, seconds, text, user, word


def read(source: Source, preference: Any) -> Preference:
    """Read one of `user_preferences`."""
    require_number(source)
    asked = preference if type(preference) is dict else {}
    category, value = word(asked.get("category")), word(asked.get("value"))
    if category is None or value is None:
        raise Unreadable("without a category or a value")
    who = user(source, digits(asked.get("wa_id")), word(asked.get("user_id")), word(asked.get("parent_user_id")))
    if who.phone is None and who.user_id is None:
        raise Unreadable("without a user")
    return Preference(
        waba_id=source.waba_id,
        phone_number_id=source.phone_number_id,
        user_phone=who.phone,
        user_id=who.user_id,
        username=who.username,
        profile_name=who.name,
        category=category,
        value=value.lower(),
        detail=text(asked.get("detail")),
        timestamp=seconds(asked.get("timestamp")),
    )
