"""Scale: one, two and four gateways on a host; several hosts over one PostgreSQL; one after the other restarted.

The processes know nothing of each other: what they share is in PostgreSQL. On a machine with few cores throughput ends
where the cores do; what shows that more of them would help is that an operation costs the same CPU with four processes
as with one.
"""

import argparse
import asyncio
import os

from bench import report, rig, tables, tenants
from bench.balanced import Balanced
from bench.hosts import Host, Hosts
from bench.processes import BenchError, Measured, Peer
from bench.report import Round
from bench.rig import Rig
from bench.rounds import Course

_CONNECTIONS = 128
_STEPS = ((1, 1), (2, 1), (2, 2), (4, 1), (4, 4))  # so many processes with so many times the clients
_HOSTS, _PORT = 3, 8800
_STOP_DELAY_S = "1"
_PATIENCE_S = 30


def main(words: list[str]) -> None:
    """Measure what is named, or all three: processes, hosts."""
    asked = argparse.ArgumentParser(prog="make bench ARGS=scale …")
    asked.add_argument("what", nargs="*", choices=["processes", "hosts", []], default=["processes", "hosts"])
    asked.add_argument("--seconds", type=float, default=4.0, help="of each round, and between restarts (default 4)")
    told = asked.parse_args(words)
    with Rig() as at:
        if "processes" in told.what:
            _processes(at, told.seconds)
        if "hosts" in told.what:
            with Hosts(_HOSTS) as hosts:
                _hosts(at, hosts, told.seconds)


def _processes(at: Rig, seconds: float) -> None:
    """Send codes, and write webhooks until they are delivered, through more and more processes on one host.

    The same clients for all show what a machine carries. As many clients for each process as one has show what an
    operation costs once the load has grown as the processes have: fewer clients make smaller batches.
    """
    cores = os.cpu_count() or 1
    print(f"{cores} cores: load, receivers and PostgreSQL are on them too, so throughput can grow up to there only.\n")
    for kind in ("otp", "webhook"):
        told = "send/otp" if kind == "otp" else "webhook in → delivered"
        print(f"{told:<30}{'per second':>12}{'CPU µs':>10}{'× of one':>10}{'PostgreSQL':>12}{'p50 ms':>9}{'p99 ms':>9}")
        first: list[Round] = []
        for count, times in _STEPS:
            rounds = _with(at, kind, count, _CONNECTIONS * times, seconds)
            first = first or rounds
            _row(f"  {count} process{'es' * (count > 1)}, {_CONNECTIONS * times} clients", rounds, first)
        print()


def _with(at: Rig, kind: str, count: int, connections: int, seconds: float) -> list[Round]:
    dsn = at.database(f"bench_scale_{kind}_{count}_{connections}")
    meta, generator = at.peer("bench.peers", "meta", "1"), at.peer("bench.load")
    hook = f"http://127.0.0.1:{generator.ports[0]}/webhooks/quixess"
    tenant = tenants.make(dsn, at.keyring, "Bordercart", hook, rig.graph_url(meta))
    gateways = [at.quixess(dsn, "serve", "--work") for _ in range(count)]
    course = Course(
        generator=generator,
        read=at.meters(measured=[one.pid for one in gateways], load=generator.pid, meta=meta.pid),
        port=[one.port for one in gateways],
        kind=kind,
        facts={"host": "127.0.0.1", "key": tenant.key, "people": 1_000}
        if kind == "otp"
        else tenants.webhook_facts(0, 1_000),
        awaits=kind == "webhook",
        settle=lambda: tables.until_empty(dsn, "delivery"),
    )
    found = course.run(connections=connections, seconds=seconds)
    for one in gateways:
        one.stop()
    return found


def _row(title: str, rounds: list[Round], first: list[Round]) -> None:
    cpu, before = (report.median(found, "gateway_us") for found in (rounds, first))
    cells = (
        f"{report.median(rounds, 'per_second'):>12,.0f}{cpu:>10,.0f}{cpu / before:>10.2f}"
        f"{report.median(rounds, 'postgres_us'):>12,.0f}{report.median(rounds, 'p50_ms'):>9,.1f}"
        f"{report.median(rounds, 'p99_ms'):>9,.1f}"
    )
    print(f"{title:<30}{cells}", flush=True)


def _hosts(at: Rig, hosts: Hosts, seconds: float) -> None:
    """Let three hosts share the work, then restart them one after the other, under load all the while."""
    apart = "network namespaces, PostgreSQL over the network between them"
    near = "addresses of the loopback: network namespaces need root and iproute2"
    print(f"{_HOSTS} hosts ({apart if hosts.apart else near}) over one PostgreSQL")
    dsn = at.database("bench_scale_hosts")
    meta = at.peer("bench.peers", "meta", "1", hosts.middle)
    if relay := hosts.relay(dsn):
        at.peer(*relay)
    asyncio.run(_together(at, hosts, dsn, meta, seconds))


async def _together(at: Rig, hosts: Hosts, dsn: str, meta: Peer, seconds: float) -> None:
    urls = [f"http://{one.address}:{_PORT}" for one in hosts.all]
    graph_url = f"http://{hosts.middle}:{meta.ports[0]}"
    placeholder = "http://127.0.0.1:9/"
    tenant = await asyncio.to_thread(tenants.make, dsn, at.keyring, "Bordercart", placeholder, graph_url)
    balanced = Balanced(urls, tenant, tenants.webhook_facts(0, 1_000), hosts.middle)
    hook = await balanced.listen()
    await asyncio.to_thread(tables.ask, dsn, "UPDATE endpoint SET url = $1", hook)
    running = [await asyncio.to_thread(_start, at, hosts, dsn, one) for one in hosts.all]
    async with balanced:
        read = at.meters(**{f"host{index}": one.pid for index, one in enumerate(running)})
        before = read()
        await asyncio.sleep(2 * seconds)
        used = read().since(before).used
        for index, host in enumerate(hosts.all):
            await asyncio.to_thread(running[index].stop)
            running[index] = await asyncio.to_thread(_start, at, hosts, dsn, host)
            await asyncio.sleep(seconds)
    missing = await balanced.quiet(_PATIENCE_S)
    reached_meta = (await asyncio.to_thread(meta.ask))["count"]
    for one in running:
        await asyncio.to_thread(one.stop)
    ours = [used[f"host{index}"] for index in range(_HOSTS)]
    shares = ", ".join(f"{one / sum(ours):.0%}" for one in ours)
    print(f"  the work of {2 * seconds:g} s was shared as {shares} of their CPU")
    print(
        f"  one after the other restarted: {balanced.answers.total():,} requests, errors: {balanced.errors or 'none'}"
    )
    print(f"  {balanced.sent:,} codes answered 200, {reached_meta:,} at Meta")
    print(
        f"  {balanced.written:,} webhooks answered 200, {len(balanced.arrived):,} delivered, {balanced.twice} twice\n"
    )
    if missing or reached_meta != balanced.sent or balanced.errors:
        raise BenchError(f"{missing} events are missing, or a restart was noticed")


def _start(at: Rig, hosts: Hosts, dsn: str, host: Host) -> Measured:
    return at.quixess(
        hosts.dsn(dsn), "serve", "--work", within=host.within, host=host.address, port=str(_PORT),
        stop_delay=_STOP_DELAY_S, webhook_http="1", webhook_ports="any", webhook_networks=hosts.network,
    )  # fmt: skip
