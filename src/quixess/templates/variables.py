"""Variables: the friendly way to fill a template, by names or in order.

Only the shapes are checked here. What a value may be depends on the template: `filling` tells everything that is
wrong at once.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

_MOST = 200


class _Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    pass


class Money(_Strict, frozen=True):
    """An amount, shown in the reader's way. `amount_1000` is the amount times 1000."""

    fallback_value: Annotated[str, Meta(description="What is shown when the phone cannot write it, such as $100.99.")]
    code: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="The currency in ISO 4217, such as USD.")]
    amount_1000: Annotated[int, Meta(description="The amount times 1000.")]


class Moment(_Strict, frozen=True):
    """A date or time."""

    fallback_value: Annotated[str, Meta(description="What is shown, such as May 5.")]


class Typed(_Strict, frozen=True):
    """A value that is an amount or a time, as Meta writes it: `type` and the member of that name."""

    type: Annotated[Literal["currency", "date_time"], Meta(description="What it is; the member of this name is given.")]
    currency: Annotated[Money | None, Meta(description="For the type currency: the amount.")] = None
    date_time: Annotated[Moment | None, Meta(description="For the type date_time: the time.")] = None


Value = str | Typed
Values = (
    Annotated[list[Value], Meta(max_length=_MOST, description="The values of {{1}}, {{2}}, … in this order.")]
    | Annotated[dict[str, Value], Meta(max_length=_MOST, description="The values by the names of the variables.")]
)


class Media(_Strict, frozen=True):
    """A file for a header: `id` or `link`, one of them."""

    id: Annotated[
        str | None, Meta(description="A file of yours: the `med_…` of POST /media, or Meta's own digits.")
    ] = None
    link: Annotated[str | None, Meta(description="An http or https address that Meta fetches, at most 2048.")] = None
    filename: Annotated[str | None, Meta(description="For a document: the name it is shown by, at most 240.")] = None


class Location(_Strict, frozen=True):
    """A place on the map."""

    latitude: Annotated[float, Meta(ge=-90, le=90, description="Degrees north.")]
    longitude: Annotated[float, Meta(ge=-180, le=180, description="Degrees east.")]
    name: Annotated[str, Meta(max_length=1024, description="What the place is called.")] | None = None
    address: Annotated[str, Meta(max_length=1024, description="Where it is.")] | None = None


class Header(_Strict, frozen=True):
    """What the header shows: the one member that the template's header asks for."""

    text: Annotated[str | Values | None, Meta(description="The value of the header's variable, at most 60.")] = None
    image: Annotated[Media | None, Meta(description="The picture it shows: JPEG or PNG, at most 5 MB.")] = None
    video: Annotated[Media | None, Meta(description="The video it shows: MP4 or 3GPP, at most 16 MB.")] = None
    document: Annotated[Media | None, Meta(description="The document it offers, at most 100 MB.")] = None
    location: Annotated[Location | None, Meta(description="The place it shows.")] = None


class Button(_Strict, frozen=True):
    """What fills one button: the member that fits the button's type."""

    index: Annotated[int, Meta(ge=0, le=99, description="Which button of the template, from 0.")]
    url_suffix: Annotated[str | None, Meta(description="What stands at the end of the button's address.")] = None
    payload: Annotated[str | None, Meta(description="What a tap on a quick reply tells you, at most 128.")] = None
    coupon_code: Annotated[str | None, Meta(description="The code to copy: at most 20 letters and digits.")] = None
    flow_token: Annotated[str | None, Meta(description="Your token of this run of the flow.")] = None
    flow_data: Annotated[dict[str, Any] | None, Meta(description="What the flow's first screen starts with.")] = None


class Variables(_Strict, frozen=True):
    """What fills a template, as `parameters` of GET /templates asks for it."""

    body: Annotated[Values | None, Meta(description="The body's values.")] = None
    header: Annotated[Header | None, Meta(description="What the header shows.")] = None
    buttons: Annotated[list[Button], Meta(max_length=20, description="What fills the buttons.")] = []
