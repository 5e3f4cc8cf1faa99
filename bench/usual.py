"""The usual stack: the same service as a good team writes it with FastAPI, SQLAlchemy and httpx, to compare with.

Pydantic models, an ORM session a request, a durable transaction for each step, one httpx client for all, uvicorn with
uvloop and httptools. It keeps the promises that matter: a key is looked up by its hash, an Idempotency-Key is claimed
before Meta is asked, a webhook is verified and kept before it is answered, a delivery is claimed with SKIP LOCKED,
signed, posted and written down. It has no limits, constraints, redaction, fairness or metrics. Run as a process:
`python -m bench.usual serve DSN GRAPH_URL KEY APP_SECRET READY_FD` or `python -m bench.usual work DSN READY_FD`.
"""

import asyncio
import hashlib
import hmac
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import httpx
import uvicorn
import uvloop
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import DateTime, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

AT_ONCE = 100
_LEASE, _AGAIN = timedelta(seconds=30), timedelta(seconds=1)
_IDLE_S = 0.05


class Base(DeclarativeBase):
    """Everything that is kept."""


class ApiKey(Base):
    __tablename__ = "api_key"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    name: Mapped[str]


class Idempotency(Base):
    __tablename__ = "idempotency"
    key: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[UUID]
    state: Mapped[str]
    body: Mapped[str | None]


class Message(Base):
    __tablename__ = "message"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    phone: Mapped[str]
    template: Mapped[str]
    state: Mapped[str]
    wamid: Mapped[str | None]


class Intake(Base):
    __tablename__ = "intake"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    body: Mapped[bytes]
    done: Mapped[bool] = mapped_column(default=False)


class Delivery(Base):
    __tablename__ = "delivery"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    url: Mapped[str]
    secret: Mapped[str]
    body: Mapped[bytes]
    next_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class Attempt(Base):
    __tablename__ = "attempt"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID]
    status: Mapped[int]
    duration_ms: Mapped[int]


class Otp(BaseModel):
    model_config = ConfigDict(extra="forbid")
    to: str
    code: str
    template_name: str
    language: str


class Sent(BaseModel):
    id: str
    wa_message_id: str
    status: str


class Gateway:
    """What the doors need: sessions, a client for Meta, and a secret."""

    def __init__(self, dsn: str, graph_url: str, secret: str) -> None:
        self.engine = engine(dsn)
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self.meta = client()
        self.url = f"{graph_url}/v25.0/1/messages"
        self.secret = secret.encode()


def engine(dsn: str) -> Any:
    """Make a pool of connections, as large as the requests that are usually under way."""
    return create_async_engine(sqlalchemy_url(dsn), pool_size=20, max_overflow=10)


def sqlalchemy_url(dsn: str) -> str:
    """Write a DSN as SQLAlchemy takes it."""
    return f"postgresql+asyncpg{dsn[dsn.index(':') :]}"


def client() -> httpx.AsyncClient:
    """Make the client that all requests share."""
    return httpx.AsyncClient(limits=httpx.Limits(max_connections=200, max_keepalive_connections=200), timeout=10)


def build(at: Gateway) -> FastAPI:
    """Put the doors together."""
    app = FastAPI(openapi_url=None)

    async def session() -> AsyncIterator[AsyncSession]:
        async with at.sessions() as one:
            yield one

    Session = Annotated[AsyncSession, Depends(session)]  # noqa: N806 - a type

    async def caller(on: Session, x_api_key: Annotated[str, Header()]) -> ApiKey:
        found: ApiKey | None = await on.get(ApiKey, hashlib.sha256(x_api_key.encode()).digest())
        if found is None:
            raise HTTPException(401)
        return found

    @app.post("/api/v1/whatsapp/external/send/otp", dependencies=[Depends(caller)])
    async def send(asked: Otp, on: Session, idempotency_key: Annotated[str, Header()]) -> Sent:
        return await _send(at, on, asked, idempotency_key)

    @app.post("/webhooks/meta/{app_id}")
    async def receive(app_id: str, request: Request, on: Session) -> Response:
        body = await request.body()
        mark = "sha256=" + hmac.digest(at.secret, body, "sha256").hex()
        if not app_id or not hmac.compare_digest(mark, request.headers["x-hub-signature-256"]):
            raise HTTPException(401)
        on.add(Intake(id=uuid7(), body=body))
        await on.commit()
        return Response(b"OK")

    return app


async def _send(at: Gateway, on: AsyncSession, asked: Otp, key: str) -> Sent:
    """Claim the key and write the message, ask Meta, write how it ended."""
    message = Message(id=uuid7(), phone=asked.to, template=asked.template_name, state="sending")
    claim = insert(Idempotency).values(key=key, message_id=message.id, state="dispatching")
    if (await on.execute(claim.on_conflict_do_nothing().returning(Idempotency.key))).scalar() is None:
        raise HTTPException(409)
    on.add(message)
    await on.commit()
    answer = await at.meta.post(at.url, json=_payload(asked), headers=_HEADERS)
    answer.raise_for_status()
    message.wamid, message.state = answer.json()["messages"][0]["id"], "accepted"
    said = Sent(id=str(message.id), wa_message_id=message.wamid, status="accepted")
    ended = update(Idempotency).where(Idempotency.key == key).values(state="final", body=said.model_dump_json())
    await on.execute(ended)
    await on.commit()
    return said


def _payload(asked: Otp) -> dict[str, Any]:
    parameters = [{"type": "text", "text": asked.code}]
    button = {"type": "button", "sub_type": "url", "index": "0", "parameters": parameters}
    template = {
        "name": asked.template_name,
        "language": {"code": asked.language},
        "components": [{"type": "body", "parameters": parameters}, button],
    }
    return {"messaging_product": "whatsapp", "to": asked.to, "type": "template", "template": template}


_HEADERS = {"Authorization": "Bearer EAAbenchtoken" + "0" * 170}


class Worker:
    """Claims what is due, posts it, and writes each delivery down when it is done."""

    def __init__(self, dsn: str) -> None:
        self.engine = engine(dsn)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._http = client()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            claimed = await self._claim()
            if not claimed:
                await asyncio.sleep(_IDLE_S)
            await asyncio.gather(*map(self._deliver, claimed))

    async def _claim(self) -> list[Delivery]:
        now = datetime.now(UTC)
        due = select(Delivery).where(Delivery.next_at <= now).order_by(Delivery.next_at).limit(AT_ONCE)
        async with self._sessions() as on, on.begin():
            rows = list((await on.scalars(due.with_for_update(skip_locked=True))).all())
            for row in rows:
                row.next_at = now + _LEASE
        return rows

    async def _deliver(self, row: Delivery) -> None:
        mark, started = hmac.digest(row.secret.encode(), row.body, "sha256").hex(), time.monotonic()
        headers = {"Content-Type": "application/json", "X-Signature-256": f"sha256={mark}"}
        try:
            status = (await self._http.post(row.url, content=row.body, headers=headers)).status_code
        except httpx.HTTPError:
            status = 0
        took = int((time.monotonic() - started) * 1000)
        async with self._sessions() as on, on.begin():
            on.add(Attempt(id=uuid7(), delivery_id=row.id, status=status, duration_ms=took))
            if status == 200:
                await on.execute(delete(Delivery).where(Delivery.id == row.id))
            else:
                again = datetime.now(UTC) + _AGAIN
                await on.execute(update(Delivery).where(Delivery.id == row.id).values(next_at=again))


async def _make_tables(at: Any) -> None:
    async with at.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def _serve(at: Gateway, key: str, descriptor: int) -> None:
    await _make_tables(at.engine)
    async with at.sessions() as on:
        on.add(ApiKey(hash=hashlib.sha256(key.encode()).digest(), name="bench"))
        await on.commit()
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(build(at), http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
    _ready(descriptor, f"http://127.0.0.1:{listener.getsockname()[1]}")
    await uvicorn.Server(config).serve(sockets=[listener])


@asynccontextmanager
async def _working(at: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(at.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _work(at: Worker, descriptor: int) -> None:
    await _make_tables(at.engine)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(15, stop.set)
    async with _working(at):
        _ready(descriptor, "work")
        await stop.wait()


def _ready(descriptor: int, url: str) -> None:
    os.write(descriptor, url.encode() + b"\n")
    os.close(descriptor)


def main() -> None:
    """Serve or work until SIGTERM."""
    role, dsn, *more = sys.argv[1:]
    if role == "serve":
        graph_url, key, secret, descriptor = more
        uvloop.run(_serve(Gateway(dsn, graph_url, secret), key, int(descriptor)))
    else:
        uvloop.run(_work(Worker(dsn), int(more[0])))


if __name__ == "__main__":
    main()
