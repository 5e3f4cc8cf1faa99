"""One-time codes: an order whose code goes to Meta and to nobody else."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from quixess import errors, templates
from quixess.messages import orders, phones
from quixess.messages.model import Recipient
from quixess.messages.orders import Known, Prepared
from quixess.meta import payloads


@dataclass(frozen=True, slots=True)
class Otp:
    """A one-time code to send by an AUTHENTICATION template. It is hidden from every repr and is stored nowhere."""

    operation: ClassVar[str] = "send_otp"

    to: Recipient
    code: str = field(repr=False)
    template_name: str
    language: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def identity(self) -> list[Any]:
        """Give what makes two requests the same: a retry with another code is another request."""
        return [self.to.phone, self.code, self.template_name, self.language, sorted(self.metadata.items())]

    async def prepare(self, known: Known) -> Prepared:
        """Find the template.

        Raises `template_not_found`, `template_not_approved`, `not_authentication_template`, and `invalid_phone` for
        the business number itself.
        """
        template = await orders.approved(known, self.language)
        if template.category != "AUTHENTICATION":
            raise errors.at(
                "/template_name",
                "not_authentication_template",
                "Codes go out by AUTHENTICATION templates only: make one from the OTP preset, or use /send/template.",
            )
        phone = orders.needs_phone(self.to)
        phones.refuse_own(phone, known.connection.display_phone)
        return Prepared(
            connection=known.connection,
            phone=phone,
            type="template",
            content={"body": templates.render_hidden(template), "redacted": True},
            payload=partial(payloads.otp, f"+{phone}", template.name, template.language, self.code),
            template=template,
            hidden=(self.code,),
        )
