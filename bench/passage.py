"""Passage: messages on their way from Meta's webhook through one process to the tenant's server."""

from dataclasses import dataclass

from bench import rig, signatures, tables, tenants
from bench.processes import Measured
from bench.rig import Rig
from bench.rounds import Course
from bench.tenants import Tenant

CONNECTIONS = 128
_PEOPLE = 1_000
_PATH = "/webhooks/quixess"


@dataclass(frozen=True)
class Passage:
    """One process that is gateway and worker, over the database at `dsn`, and the course that is run through it."""

    dsn: str
    course: Course
    gateway: Measured
    tenant: Tenant

    def end(self) -> None:
        """Stop the process, and check the signatures of what the tenant's server got."""
        self.gateway.stop()
        signatures.check(self.course.samples, {_PATH: self.tenant.endpoint_secret})


def begin(at: Rig, database: str) -> Passage:
    """Start Meta, the tenant's server and the process between them, over a new database of this name."""
    dsn = at.database(database)
    meta, generator = at.peer("bench.peers", "meta", "1"), at.peer("bench.load")
    url = f"http://127.0.0.1:{generator.ports[0]}{_PATH}"
    tenant = tenants.make(dsn, at.keyring, "Bordercart", url, rig.graph_url(meta))
    gateway = at.quixess(dsn, "serve", "--work")
    course = Course(
        generator=generator,
        read=at.meters(measured=gateway.pid, load=generator.pid),
        port=gateway.port,
        kind="webhook",
        facts=tenants.webhook_facts(gateway.port, _PEOPLE),
        awaits=True,
        settle=lambda: tables.until_empty(dsn, "delivery"),
    )
    return Passage(dsn, course, gateway, tenant)
