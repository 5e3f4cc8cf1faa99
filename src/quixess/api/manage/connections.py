"""Connections over the management API: made, listed, looked at, parted with, taken up again; new secrets and PINs.

No answer holds a token, a secret or a PIN: of the token the last four characters are shown. The two exceptions are
shown once to whoever made them: a new endpoint's signing secret, and a verify token that is to be entered by hand.
"""

from datetime import datetime, timedelta
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from quixess import connections
from quixess.api.answers import as_json
from quixess.api.manage.endpoint import Desk, Managed, read_body
from quixess.api.manage.gate import Admitted
from quixess.api.manage.shapes import (
    Again,
    AskedWebhook,
    Changed,
    Credentials,
    List,
    Made,
    NewPin,
    NewSecret,
    Parted,
    Shown,
    SignUp,
)
from quixess.connections import Claim, Entry
from quixess.database import ids
from quixess.events.envelope import moment
from quixess.onboarding import Connected, Webhook


async def _connect(request: Request, admitted: Admitted, desk: Desk) -> Response:
    asked = await read_body(request, Credentials)
    claim = Claim(
        app_id=asked.app_id,
        app_secret=asked.app_secret,
        waba_id=asked.waba_id,
        phone_number_id=asked.phone_number_id,
        token=asked.access_token,
        graph_url=asked.graph_url,
        verify_token=asked.verify_token,
        pin=asked.pin,
    )
    made = await desk.onboarding.connect_by_credentials(
        admitted.brand.id, claim, _webhook(asked.webhook), actor=admitted.actor
    )
    return as_json(_made(made), 201)


async def _sign_up(request: Request, admitted: Admitted, desk: Desk) -> Response:
    asked = await read_body(request, SignUp)
    said = Claim(
        app_id=asked.app_id,
        app_secret="",
        waba_id=asked.waba_id,
        phone_number_id=asked.phone_number_id,
        token="",
        graph_url="",
        pin=asked.pin,
        on_phone=asked.on_phone,
    )
    made = await desk.onboarding.sign_up(
        admitted.brand.id, asked.app_id, asked.code, said, _webhook(asked.webhook), actor=admitted.actor
    )
    return as_json(_made(made), 201)


async def _list(_request: Request, admitted: Admitted, desk: Desk) -> Response:
    async with desk.db.reading(admitted.brand.id) as tx:
        found = await connections.list_connections(tx, admitted.brand.id)
    return as_json(List([_shown(one) for one in found]))


async def _show(request: Request, admitted: Admitted, desk: Desk) -> Response:
    async with desk.db.reading(admitted.brand.id) as tx:
        found = await connections.find_connection(tx, admitted.brand.id, connection_id(request))
    return as_json(_shown(found))


async def _disconnect(request: Request, admitted: Admitted, desk: Desk) -> Response:
    ended = await desk.parting.disconnect(admitted.brand.id, connection_id(request), actor=admitted.actor)
    return as_json(Parted(ids.show("con", ended.connection_id), "disconnected", ended.unsubscribed))


async def _reconnect(request: Request, admitted: Admitted, desk: Desk) -> Response:
    asked = await read_body(request, Again)
    made = await desk.onboarding.reconnect(
        admitted.brand.id, connection_id(request), token=asked.access_token, pin=asked.pin, actor=admitted.actor
    )
    return as_json(_made(made))


async def _send_from(request: Request, admitted: Admitted, desk: Desk) -> Response:
    async with desk.db.transaction() as tx:
        await connections.send_from(tx, admitted.brand.id, connection_id(request), actor=admitted.actor)
    return await _show(request, admitted, desk)


async def _change_pin(request: Request, admitted: Admitted, desk: Desk) -> Response:
    asked = await read_body(request, NewPin)
    await desk.parting.change_pin(admitted.brand.id, connection_id(request), asked.pin, actor=admitted.actor)
    return await _show(request, admitted, desk)


async def _rotate(request: Request, admitted: Admitted, desk: Desk) -> Response:
    asked = await read_body(request, NewSecret)
    async with desk.db.reading(admitted.brand.id) as tx:
        entry = await connections.find_connection(tx, admitted.brand.id, connection_id(request))
    changed = await desk.parting.rotate_secret(
        entry.app_id, asked.app_secret, overlap=timedelta(hours=asked.overlap_hours), actor=admitted.actor
    )
    return as_json(Changed(entry.app_id, changed))


def connection_id(request: Request) -> UUID:
    """Read the `con_…` id of the path. Raises `connection_not_found` for what cannot be one."""
    found = ids.parse("con", request.path_params["id"])
    if found is None:
        raise connections.none_such()
    return found


def _webhook(asked: AskedWebhook | None) -> Webhook | None:
    return None if asked is None else Webhook(asked.url, asked.event_types)


def _made(made: Connected) -> Made:
    return Made(
        id=ids.show("con", made.connection_id),
        display_phone=made.display_phone,
        verified_name=made.verified_name,
        registered=made.registered,
        callback_url=made.callback_url,
        verify_token=made.verify_token,
        endpoint_id=None if made.endpoint is None else ids.show("end", made.endpoint.id),
        endpoint_secret=made.endpoint_secret,
        templates=made.templates,
    )


def _shown(one: Entry) -> Shown:
    return Shown(
        id=ids.show("con", one.id),
        app_id=one.app_id,
        waba_id=one.waba_id,
        phone_number_id=one.phone_number_id,
        display_phone=f"+{one.display_phone}",
        verified_name=one.verified_name,
        state=one.state,
        state_reason=one.state_reason,
        sends=one.sends,
        token_last4=one.token_last4,
        token_expires_at=_when(one.token_expires_at),
        quality=one.quality,
        number_status=one.number_status,
        name_status=one.name_status,
        throughput=one.throughput,
        messaging_limit=one.messaging_limit,
        webhook_seen_at=_when(one.webhook_seen_at),
        templates_synced_at=_when(one.templates_synced_at),
        created_at=moment(one.created_at),
        updated_at=moment(one.updated_at),
    )


def _when(at: datetime | None) -> str | None:
    return None if at is None else moment(at)


_TROUBLE = ("not_connectable", "upstream_unavailable")
ENDPOINTS = (
    Managed(
        id="connect",
        method="POST",
        path="/connections",
        summary="Connect a number by pasted credentials.",
        handler=_connect,
        request=Credentials,
        response=Made,
        errors=_TROUBLE,
    ),
    Managed(
        id="sign_up",
        method="POST",
        path="/connections/embedded-signup",
        summary="Connect a number by the code of Embedded Signup.",
        handler=_sign_up,
        request=SignUp,
        response=Made,
        errors=_TROUBLE,
    ),
    Managed(
        id="list_connections",
        method="GET",
        path="/connections",
        summary="List the brand's connections.",
        handler=_list,
        response=List,
    ),
    Managed(
        id="show_connection",
        method="GET",
        path="/connections/{id}",
        summary="Show one connection.",
        handler=_show,
        response=Shown,
        errors=("connection_not_found",),
    ),
    Managed(
        id="disconnect",
        method="POST",
        path="/connections/{id}/disconnect",
        summary="Disconnect a number; its history stays.",
        handler=_disconnect,
        response=Parted,
        errors=("connection_not_found",),
    ),
    Managed(
        id="reconnect",
        method="POST",
        path="/connections/{id}/reconnect",
        summary="Connect a known number again, by its token or a new one.",
        handler=_reconnect,
        request=Again,
        response=Made,
        errors=("connection_not_found", *_TROUBLE),
    ),
    Managed(
        id="send_from",
        method="POST",
        path="/connections/{id}/send-from",
        summary="Have codes and templates go out by this number.",
        handler=_send_from,
        response=Shown,
        errors=("connection_not_found", "no_active_connection"),
    ),
    Managed(
        id="change_pin",
        method="POST",
        path="/connections/{id}/pin",
        summary="Change a number's two-step PIN.",
        handler=_change_pin,
        request=NewPin,
        response=Shown,
        errors=("connection_not_found", *_TROUBLE),
    ),
    Managed(
        id="rotate_app_secret",
        method="POST",
        path="/connections/{id}/app-secret",
        summary="Put the app's new secret in the place of the old one.",
        handler=_rotate,
        request=NewSecret,
        response=Changed,
        errors=("connection_not_found", *_TROUBLE),
    ),
)
