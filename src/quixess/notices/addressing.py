"""Addressing: whose is what Meta says? A WABA may serve several brands; a number is one brand's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from quixess import connections
from quixess.connections import Number, Stray
from quixess.database.core import Tx
from quixess.meta.webhooks import OtherChange


@dataclass(frozen=True, slots=True)
class Said:
    """One change that Meta told, the app that signed it and the body it came in."""

    change: OtherChange
    app_id: str
    intake_id: UUID


@dataclass(frozen=True, slots=True)
class Address:
    """A brand that a change concerns: its numbers on the WABA, and the one that Meta named, if it did."""

    brand_id: UUID
    waba_id: str
    numbers: tuple[Number, ...]
    named: Number | None

    @property
    def connection_ids(self) -> tuple[UUID, ...]:
        """The connections concerned."""
        return tuple(number.connection_id for number in self.numbers)

    @property
    def connection_id(self) -> UUID | None:
        """The only connection concerned; None when there are several."""
        return self.numbers[0].connection_id if len(self.numbers) == 1 else None

    @property
    def phone_number_id(self) -> str | None:
        """The number that Meta named."""
        return None if self.named is None else self.named.phone_number_id


async def find(tx: Tx, said: Sequence[Said]) -> tuple[list[tuple[Said, Address]], list[Stray]]:
    """Find the brands that each change concerns. What concerns nobody of the app that signed it is a stray."""
    numbers = await connections.find_numbers(tx, sorted({id_ for one in said if (id_ := one.change.phone_number_id)}))
    accounts = await connections.find_accounts(tx, sorted({waba_of(one.change) for one in said}))
    found: list[tuple[Said, Address]] = []
    strays: list[Stray] = []
    for one in said:
        about = one.change.phone_number_id
        if about is not None:
            known = [numbers[about]] if about in numbers else []
            addresses = _by_number(one, known, strays, about)
        else:
            addresses = _by_account(one, accounts.get(waba_of(one.change), []), strays)
        found += [(one, address) for address in addresses]
    return found, strays


def waba_of(change: OtherChange) -> str:
    """Tell the WABA. Where partners are told of a customer's, the entry bears the partner's own business id."""
    info = change.value.get("waba_info")
    named = _digits(info.get("waba_id")) if isinstance(info, dict) else None
    return named or change.waba_id


def _by_number(one: Said, known: list[Number], strays: list[Stray], about: str) -> list[Address]:
    ours = [number for number in known if number.app_id == one.app_id]
    if not ours:
        strays.append(Stray(one.app_id, about, "number of another app" if known else "unknown number", one.intake_id))
    return [Address(ours[0].brand_id, waba_of(one.change), tuple(ours), ours[0])] if ours else []


def _by_account(one: Said, known: list[Number], strays: list[Stray]) -> list[Address]:
    """Address a change of a WABA: to the brand of the number in its value, else to every brand with a number."""
    waba_id = waba_of(one.change)
    ours = [number for number in known if number.app_id == one.app_id]
    if not ours:
        reason = "account of another app" if known else "unknown account"
        strays.append(Stray(one.app_id, waba_id, reason, one.intake_id))
        return []
    display = _digits(one.change.value.get("display_phone_number"))
    if display is not None:
        return _by_number(one, [number for number in ours if number.display == display], strays, display)
    entity = _entity(one.change.value)
    if alerted := [number for number in ours if number.phone_number_id == entity]:
        return _by_number(one, alerted, strays, alerted[0].phone_number_id)
    return list(_by_brand(waba_id, ours))


def _by_brand(waba_id: str, numbers: Iterable[Number]) -> Iterable[Address]:
    ordered = sorted(numbers, key=lambda number: (number.brand_id, number.connection_id))
    for brand_id, group in groupby(ordered, key=lambda number: number.brand_id):
        yield Address(brand_id, waba_id, tuple(group), None)


def _entity(value: dict[str, Any]) -> str | None:
    """Read which phone number an alert is about, if it is about one."""
    return _digits(value.get("entity_id")) if value.get("entity_type") == "PHONE_NUMBER" else None


def _digits(value: Any) -> str | None:
    """Read an id or a number as people write it: `+1 555-078-3881` and 15550783881 are the same."""
    text = str(value) if type(value) in {str, int} else ""
    return "".join(letter for letter in text if letter in "0123456789") or None
