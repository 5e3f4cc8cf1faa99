"""The shapes of what a customer sends: the object under each type's name, and what may stand beside it."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from quixess.simulator.model import Json

Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Word = Annotated[str, Meta(min_length=1, max_length=1024)]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Body(Strict):
    body: Text


class File(Strict):
    """A file by its media id; what only Meta can know of it may be left out if the simulator has the file."""

    id: Word
    mime_type: Word | UnsetType = UNSET
    sha256: Word | UnsetType = UNSET
    url: Word | UnsetType = UNSET
    caption: Word | UnsetType = UNSET
    filename: Word | UnsetType = UNSET
    voice: bool | UnsetType = UNSET
    animated: bool | UnsetType = UNSET


class Location(Strict):
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    name: Word | UnsetType = UNSET
    address: Word | UnsetType = UNSET
    url: Word | UnsetType = UNSET


class FullName(msgspec.Struct):
    formatted_name: Word


class Card(msgspec.Struct):
    name: FullName


class Button(Strict):
    text: Word
    payload: Word | UnsetType = UNSET


class ButtonReply(Strict):
    id: Word
    title: Word


class ListReply(Strict):
    id: Word
    title: Word
    description: Word | UnsetType = UNSET


class FlowReply(Strict):
    response_json: str
    name: Word = "flow"
    body: Word = "Sent"


class CallPermission(Strict):
    response: Literal["accept", "reject"]
    expiration_timestamp: Word | UnsetType = UNSET
    response_source: Literal["user_action", "automatic"] = "user_action"


class Reaction(Strict):
    message_id: Word
    emoji: str | UnsetType = UNSET


class Item(Strict):
    product_retailer_id: Word
    quantity: int
    item_price: int | float
    currency: Word


class Order(Strict):
    catalog_id: Word
    product_items: Annotated[list[Item], Meta(min_length=1)]
    text: Word | UnsetType = UNSET


class System(Strict):
    type: Literal["user_changed_number", "user_changed_user_id", "customer_identity_changed"]
    body: Word | UnsetType = UNSET
    wa_id: Word | UnsetType = UNSET
    user_id: Word | UnsetType = UNSET
    parent_user_id: Word | UnsetType = UNSET


class Unsupported(Strict):
    type: Word


class Edit(Strict):
    original_message_id: Word
    message: Json


class Revoke(Strict):
    original_message_id: Word


class Product(Strict):
    catalog_id: Word
    product_retailer_id: Word


class Context(Strict):
    from_: Word | UnsetType = msgspec.field(default=UNSET, name="from")
    id: Word | UnsetType = UNSET
    forwarded: bool | UnsetType = UNSET
    frequently_forwarded: bool | UnsetType = UNSET
    referred_product: Product | UnsetType = UNSET


class Referral(msgspec.Struct):
    """An advertisement the customer came by; more members than these are passed on as they are."""

    source_url: Word
    source_id: Word
    source_type: Literal["ad", "post"]


class Identity(Strict):
    hash: Word
    created_timestamp: Word
    acknowledged: bool = True


class Wrong(Strict):
    code: int
    title: Word | None = None
    details: Word | None = None


class Beside(Strict):
    name: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    reply_to: Word | None = None
    context: Context | UnsetType = UNSET
    referral: Json | UnsetType = UNSET
    group_id: Word | UnsetType = UNSET
    from_logical_id: Word | UnsetType = UNSET
    origin: Literal["contact_request", "other"] | UnsetType = UNSET
    identity: Identity | UnsetType = UNSET
    errors: list[Wrong] = []


KINDS: dict[str, Any] = {
    "text": Body,
    "image": File,
    "audio": File,
    "video": File,
    "document": File,
    "sticker": File,
    "location": Location,
    "contacts": Annotated[list[Card], Meta(min_length=1)],
    "button": Button,
    "interactive": Json,
    "reaction": Reaction,
    "order": Order,
    "system": System,
    "unsupported": Unsupported,
    "edit": Edit,
    "revoke": Revoke,
}
REPLIES: dict[str, Any] = {
    "button_reply": ButtonReply,
    "list_reply": ListReply,
    "nfm_reply": FlowReply,
    "call_permission_reply": CallPermission,
}
FILES = {kind for kind, shape in KINDS.items() if shape is File}
