"""One file from the web: streamed to a hidden partial file, resumed, checked, and only then given its name."""

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from unmask.errors import FetchError
from unmask.public.catalogue import Archive, megabytes
from unmask.public.checksums import Checked, check
from unmask.public.connection import Cut, Refused, Reply, Stale, ask
from unmask.public.partial import Partial

__all__ = ["Listener", "Patience", "download"]

CHUNK = 2**18
PROGRESS = 2**20  # so many bytes are progress: the count of failures starts anew
HTML = (b"<!doctype html", b"<html", b"<head")


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Attributes:
        tries: how often in a row, without progress.
        pause: seconds before the second; then twice as long each time.
        timeout: seconds that it may be silent.
    """

    tries: int = 4
    pause: float = 1.0
    timeout: float = 30.0


@dataclass(frozen=True)
class Listener:
    """Who is told how it goes.

    Attributes:
        say: called with a sentence.
        tell: called with what is done (a file's name), how much of it, and of how much, where that is known.
    """

    say: Callable[[str], None]
    tell: Callable[[str, int, int | None], None]


def download(
    archive: Archive, file: Path, homepage: str, listener: Listener, patience: Patience | None = None
) -> Checked:
    """Downloads a file, or what is still missing of it.

    Args:
        archive: what to download.
        file: where to; it is there only when it is whole and checked. Killed before that, the next call goes on.
        homepage: where a person finds it, for messages.
        listener: told how it goes.
        patience: how long to wait for the server.

    Returns:
        The file's size and checksum.

    Raises:
        FetchError: no connection, no such file, no space, or another file than was published.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be made ({error.strerror})"
        raise FetchError(problem, file=file.parent, remedy="choose another --out") from error
    partial = Partial(archive, file, homepage)
    resumed = partial.begun()[0] > 0
    _complete(partial, listener, patience or Patience())
    try:
        checked = check(archive, partial.path)
    except FetchError as error:
        another = partial.another(error.problem)
        if not resumed:
            raise another from None
        listener.say(f"{archive.file} {error.problem}; its beginning came earlier, so it is downloaded anew.")
        return download(archive, file, homepage, listener, patience)
    partial.finish()
    return checked


def _complete(partial: Partial, listener: Listener, patience: Patience) -> None:
    """Downloads until all is here; each cut in a row is waited for twice as long."""
    failures = 0
    while True:
        before = partial.size
        try:
            return _receive(partial, listener, patience.timeout)
        except Refused as error:
            raise partial.failed(str(error)) from None
        except Cut as error:
            if isinstance(error, Stale):
                partial.drop()
            failures = 0 if partial.size - before >= PROGRESS else failures + 1
            if failures >= patience.tries:
                raise partial.failed(f"{error}; given up after {failures} tries") from None
            wait = patience.pause * 2 ** max(failures - 1, 0)
            listener.say(f"{partial.archive.file}: {error}; trying again in {wait:g} s.")
            time.sleep(wait)


def _receive(partial: Partial, listener: Listener, timeout: float) -> None:
    """One request for all that is missing; a Cut where not all of it came."""
    archive = partial.archive
    have, validator = partial.begun()
    if archive.exact and have == archive.size:
        return
    reply = ask(archive.url, have, validator, timeout)
    if reply is None:
        return
    total = archive.size if reply.total is None and archive.exact else reply.total
    with reply.body:
        if reply.web_page:
            raise Refused("it is a web page, not a file: perhaps a login, or a notice that it moved")
        _check_total(partial, total)
        _check_room(partial, (total or archive.size) - reply.start)
        if reply.start == 0:
            partial.begin(reply.validator)
        done = _write(partial, reply, total, listener)
    if total is not None and done < total:
        raise Cut(f"the connection was cut after {megabytes(done)} of {megabytes(total)}")


def _write(partial: Partial, reply: Reply, total: int | None, listener: Listener) -> int:
    """Puts what comes behind what is here; gives the bytes that are here then."""
    done = reply.start
    try:
        with partial.path.open("r+b") as out:
            out.seek(done)
            for chunk in _chunks(reply):
                if done == 0 and chunk[:512].lstrip().lower().startswith(HTML):
                    raise Refused("it is a web page, not a file: perhaps a login, or a notice that it moved")
                done += len(chunk)
                _check_most(partial, done)
                out.write(chunk)
                listener.tell(partial.archive.file, done, total)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        remedy = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check that its folder is writable"
        problem = f"cannot be written ({error.strerror or error})"
        raise FetchError(problem, file=partial.path, remedy=f"{remedy} and type the same command again") from error
    return done


def _chunks(reply: Reply) -> Iterator[bytes]:
    """What the server sends, as it comes."""
    while True:
        try:
            chunk = reply.body.read1(CHUNK)
        except TimeoutError:
            raise Cut("the server fell silent") from None
        except (OSError, HTTPException) as error:
            raise Cut(f"the connection was cut ({error or type(error).__name__})") from None
        if not chunk:
            return
        yield chunk


def _check_total(partial: Partial, total: int | None) -> None:
    """Refuses another file than the one meant, before it comes."""
    archive = partial.archive
    if total is not None and archive.exact and total != archive.size:
        raise partial.another(f"it has {total:,} bytes where {archive.size:,} were expected, so it is another file")
    _check_most(partial, total or 0)


def _check_most(partial: Partial, size: int) -> None:
    """Refuses a file that grows beyond what it may have."""
    archive = partial.archive
    if size > archive.most:
        about = "" if archive.exact else "about "
        raise partial.another(f"it has {size:,} bytes or more where {about}{archive.size:,} were expected")


def _check_room(partial: Partial, needed: int) -> None:
    free = shutil.disk_usage(partial.path.parent).free
    if needed > free:
        problem = f"the disk has {megabytes(free)} left, and {megabytes(needed)} are still to come"
        raise FetchError(problem, file=partial.path.parent, remedy="make room, or choose an --out on another disk")
