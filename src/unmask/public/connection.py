"""Asking a server for a file, or for the rest of one: redirects, refusals, and faults that may pass.

What the server says of the bytes it will send is read here; the bytes themselves are read in `download.py`.
"""

import re
import ssl
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from unmask.version import __version__

__all__ = ["Cut", "Refused", "Reply", "Stale", "ask"]

PASSING = (408, 425, 429, 500, 502, 503, 504)  # worth another try
NOTHING_MORE = 416  # asked for bytes beyond the file's end
WORDS = {401: "asks for a login", 403: "refuses access", 404: "has no such file", 410: "has no such file any more"}


class Cut(Exception):
    """A fault that may pass: no connection, a cut one, a server that is busy."""


class Stale(Cut):
    """What is here is not the beginning of what the server has now."""


class Refused(Exception):
    """A fault that stays: no such file, no permission, redirects that lead nowhere."""


@dataclass(frozen=True)
class Reply:
    """What a server answered.

    Attributes:
        body: the response, to be read and closed.
        start: where in the file its bytes begin; 0 where the server sends all of it.
        total: bytes of the whole file, or None where the server does not say.
        validator: an ETag or a date, by which a changed file is told; None where the server gives none.
        web_page: it says that it is HTML.
    """

    body: HTTPResponse
    start: int
    total: int | None
    validator: str | None
    web_page: bool


def ask(url: str, have: int, validator: str | None, timeout: float) -> Reply | None:
    """Asks for a file from byte `have` on; for all of it where it has changed.

    Args:
        url: the address.
        have: bytes that are here already; 0 asks for all.
        validator: what the server called the file when those came; None where it did not say.
        timeout: seconds that the server may be silent.

    Returns:
        The answer; None where the file has no more than `have` bytes.

    Raises:
        Cut: worth another try; Stale: from the file's beginning.
        Refused: not worth one.
    """
    headers = {"User-Agent": f"unmask/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": validator} if validator else {})
    try:
        response = build_opener(_Redirects).open(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        with error:
            if error.code == NOTHING_MORE and error.headers.get("Content-Range") == f"bytes */{have}":
                return None
            raise _refused(error) from None
    except (URLError, HTTPException, OSError) as error:
        raise _unreachable(url, error) from None
    reply = _reply(response)
    changed = validator and reply.validator not in (None, validator)
    if reply.start != 0 and (reply.start != have or changed):
        response.close()
        raise Stale("the server has another file than the one that was begun")
    return reply


class _Redirects(HTTPRedirectHandler):
    """Follows redirects, but never from https to http, nor to what is neither."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after == "https" or before == after == "http":
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        fp.close()
        raise Refused(f"the server redirects from {before} to {after} ({newurl}), which is not followed")


def _reply(response: HTTPResponse) -> Reply:
    headers, partial = response.headers, response.status == 206
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    start = 0 if not partial else int(found[1]) if found else -1
    length = headers.get("Content-Length", "")
    total = start + int(length) if length.isdigit() else None
    return Reply(response, start, total, _validator(headers), headers.get_content_type() == "text/html")


def _validator(headers: Message) -> str | None:
    """A strong ETag, else the date: If-Range takes no weak ETag."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _refused(error: HTTPError) -> Exception:
    if error.code == NOTHING_MORE:
        return Stale("the server has less than what is here")
    if error.code in PASSING:
        return Cut(f"the server is busy or broken (HTTP {error.code})")
    if 300 <= error.code < 400:
        return Refused("the server redirects in a circle, or to what is no web address")
    return Refused(f"the server {WORDS.get(error.code, 'refuses')} (HTTP {error.code})")


def _unreachable(url: str, error: Exception) -> Exception:
    reason = error.reason if isinstance(error, URLError) else error
    host = urlsplit(url).hostname
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Refused(f"{host} cannot prove that it is {host} ({reason.verify_message})")
    if isinstance(reason, TimeoutError):
        return Cut(f"{host} does not answer")
    return Cut(f"{host} cannot be reached ({getattr(reason, 'strerror', None) or reason or type(reason).__name__})")
