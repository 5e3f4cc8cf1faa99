"""Template messages: an order whose parameters are checked against the template before Meta is asked."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from quixess import errors, templates
from quixess.connections import Connection
from quixess.database import ids
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.events.envelope import moment
from quixess.media.uploading import Handle
from quixess.messages import orders, phones, preferences
from quixess.messages.model import Recipient
from quixess.messages.orders import Known, Prepared
from quixess.meta import payloads
from quixess.templates import Template, Variables

Files = Callable[[UUID, UUID, Connection], Awaitable[Handle]]
# What a header shows → the types of file that Meta takes for it; a document may be any that can be uploaded.
_TYPES = {"image": {"image/jpeg", "image/png"}, "video": {"video/mp4", "video/3gpp"}, "document": None}
_NESTS = {"parameters", "cards", "components"}


@dataclass(frozen=True, slots=True)
class Templated:
    """A message made from a template, filled by friendly `variables` or by Meta's `components`.

    `files` gives Meta's handle of a brand's file on a connection.
    """

    operation: ClassVar[str] = "send_template"

    db: Database = field(repr=False)
    files: Files = field(repr=False)
    to: Recipient
    template_name: str
    language: str | None = None
    variables: Variables | None = field(default=None, repr=False)
    components: Sequence[dict[str, Any]] | None = field(default=None, repr=False)
    metadata: dict[str, str] = field(default_factory=dict)

    def identity(self) -> list[Any]:
        """Give what makes two requests the same. The order of members does not count, that of lists does."""
        given = msgspec.json.encode([self.variables, self.components], order="sorted").decode()
        return [self.to.as_json(), self.template_name, self.language, given, sorted(self.metadata.items())]

    async def prepare(self, known: Known) -> Prepared:
        """Find the template, check what it is filled with, and give Meta the files it shows.

        Raises `template_not_found`, `template_not_approved`, `bsuid_not_supported` for a code to a user id,
        `invalid_phone` for the business number itself, `template_parameters`, `recipient_opted_out` for marketing that
        the person does not want, `media_type_mismatch`, and what `files` raises.
        """
        template = await orders.approved(known, self.language)
        phone = orders.needs_phone(self.to) if template.category == "AUTHENTICATION" else self.to.phone
        if phone is not None:
            phones.refuse_own(phone, known.connection.display_phone)
        components = self._fill(template)
        if template.category == "MARKETING":
            await self._respect_wishes(known.brand_id)
        content = templates.render(template, components)
        secrets = templates.secrets(template, components)
        return Prepared(
            connection=known.connection,
            phone=phone,
            user_id=self.to.user_id,
            type="template",
            content=content,
            payload=partial(
                payloads.template,
                None if phone is None else f"+{phone}",
                template.name,
                template.language,
                await self._give_files(known.connection, components),
                recipient=self.to.user_id,
            ),
            template=template,
            text=None if template.category == "AUTHENTICATION" else templates.words(content),
            hidden=secrets,
        )

    def _fill(self, template: Template) -> Sequence[dict[str, Any]]:
        if self.components is None:
            return templates.fill(template, self.variables or Variables())
        templates.check(template, self.components)
        return self.components

    async def _respect_wishes(self, brand_id: UUID) -> None:
        async with self.db.reading(brand_id) as tx:
            since = await preferences.find_marketing_stop(tx, brand_id, phone=self.to.phone, user_id=self.to.user_id)
        if since is not None:
            raise QuixessError(
                "recipient_opted_out",
                "The person stopped your marketing messages: send a UTILITY template, reply when they write, or wait "
                "for contact.preference_changed with `resume`.",
                extra={"details": {"category": "MARKETING", "opted_out_at": moment(since)}},
            )

    async def _give_files(self, connection: Connection, components: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put Meta's ids in the places of ours, in cards too."""
        handles: dict[str, Handle] = {}
        for kind, shown in _files(components):
            media_id = ids.parse("med", shown)
            if media_id is None:
                continue
            if shown not in handles:
                handles[shown] = await self.files(connection.brand_id, media_id, connection)
            self._check_type(kind, handles[shown])
        return [_with_handles(one, handles) for one in components] if handles else list(components)

    def _check_type(self, kind: str, handle: Handle) -> None:
        types = _TYPES[kind]
        if types is not None and handle.mime_type.partition(";")[0].strip().lower() not in types:
            detail = f"Shown as {kind} a file must be {' or '.join(sorted(types))}."
            pointer = f"/variables/header/{kind}/id" if self.components is None else "/components"
            raise errors.at(pointer, "media_type_mismatch", detail)


def _files(value: Any) -> Iterator[tuple[str, str]]:
    """Find what is to be shown in components and in the cards of a carousel: its kind, and the id of the file."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _files(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in _TYPES and isinstance(one, dict) and isinstance(one.get("id"), str):
                yield name, one["id"]
            elif name in _NESTS:
                yield from _files(one)


def _with_handles(value: Any, handles: Mapping[str, Handle]) -> Any:
    if isinstance(value, list):
        return [_with_handles(one, handles) for one in value]
    if not isinstance(value, dict):
        return value
    made = dict(value)
    for name, one in value.items():
        if name in _TYPES and isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"] in handles:
            made[name] = _handed(name, one, handles[one["id"]])
        elif name in _NESTS:
            made[name] = _with_handles(one, handles)
    return made


def _handed(kind: str, file: Mapping[str, Any], handle: Handle) -> dict[str, Any]:
    named = {"filename": handle.filename} if kind == "document" and handle.filename is not None else {}
    return named | dict(file) | {"id": handle.meta_id}
