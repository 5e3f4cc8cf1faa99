"""Make a cluster that is whole or not there, and refuse one that these programs cannot read."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from quixess.database.embedded import failure, postmaster, process
from quixess.database.embedded.places import Places

DRAFT = "postgres.new-"

# Builtin C.UTF-8: code point order, Unicode case mapping, and no dependence on the host's libc or ICU, whose
# collations change under an index when the system is updated.
INITDB_OPTIONS = (
    f"--username={postmaster.SUPERUSER}",
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--no-instructions",
)


def ensure(places: Places, log: int, deadline: float) -> None:
    """Make the cluster if it is missing, check its version if it is there. The caller holds the lock.

    `log` is a file descriptor, `deadline` a time of the monotonic clock in seconds.
    """
    if (places.cluster / "PG_VERSION").is_file():
        check_version(places)
    else:
        make(places, log, deadline)


def check_version(places: Places) -> None:
    """Raise when another major version made the cluster."""
    made_by = (places.cluster / "PG_VERSION").read_text().strip()
    if made_by != places.programs.major:
        raise failure.EmbeddedPostgresError(
            f"The data in {places.cluster} was made by PostgreSQL {made_by}, the programs in "
            f"{places.programs.folder} are PostgreSQL {places.programs.version}. Start with the programs of "
            f"PostgreSQL {made_by}, pg_dump the database, move that directory away, start with "
            f"{places.programs.version} and restore the dump."
        )


def make(places: Places, log: int, deadline: float) -> None:
    """Build the cluster in a draft directory, with our database in it, and rename it when it is complete."""
    home = places.cluster.parent
    sweep(home)
    draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=home))
    try:
        os.chown(draft, places.user.uid, places.user.gid, follow_symlinks=False)
        run(places, ["initdb", f"--pgdata={draft}", *INITDB_OPTIONS], "", log, deadline)
        single = ["postgres", "--single", "-D", str(draft), "-c", "exit_on_error=on", "postgres"]
        run(places, single, f"CREATE DATABASE {postmaster.DATABASE}\n", log, deadline)
        move(draft, places.cluster)
    finally:
        sweep(home)  # once more: a killed initdb may have gone on writing for a moment


def sweep(home: Path) -> None:
    """Remove every draft. The caller holds the lock, so they are nobody's."""
    for leftover in home.glob(f"{DRAFT}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def run(places: Places, command: list[str], typed: str, log: int, deadline: float) -> None:
    """Run one PostgreSQL program to its end as the server's user; it dies with us. `typed` is its input."""
    since = os.fstat(log).st_size
    program = str(places.programs.folder / command[0])
    try:
        subprocess.run(  # noqa: S603  our own program and arguments
            process.launcher(places.user, signal.SIGTERM, [program, *command[1:]]),
            input=typed,
            text=True,
            stdout=log,
            stderr=log,
            cwd="/",
            env=process.environment(),
            timeout=max(deadline - time.monotonic(), 0.1),
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise failure.explain(f"{command[0]} failed with status {error.returncode}", places.log, since) from error
    except subprocess.TimeoutExpired as error:
        raise failure.explain(f"{command[0]} did not end in time", places.log, since) from error


def move(draft: Path, cluster: Path) -> None:
    """Give the finished draft its name, and make that name durable."""
    try:
        draft.rename(cluster)
    except OSError as error:
        raise failure.EmbeddedPostgresError(
            f"{cluster} is in the way ({error.strerror}) and holds no PostgreSQL data. Move it away."
        ) from error
    folder = os.open(cluster.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
