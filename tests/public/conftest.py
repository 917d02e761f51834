"""A web server on this machine whose pages misbehave as they are told."""

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unmask.public.download import Listener


@dataclass
class Page:
    """What the server has at one address.

    Attributes:
        content: of the file.
        tag: its ETag.
        date: when it was modified.
        ranges: whether a part can be asked for; "always" gives a part even of a file that has changed.
        cuts: after so many bytes the connection breaks, request by request; then no more.
        status: other than 200, there is no file.
        failures: so many requests get the status, the ones after that the file.
        location: where it redirects to.
        kind: its content type.
        claims: the length it says, where that is not the true one; -1 says none.
        silent: seconds before anything is sent, request by request; then no more.
    """

    content: bytes = b""
    tag: str | None = '"one"'
    date: str | None = None
    ranges: bool | str = True
    cuts: list[int] = field(default_factory=list)
    status: int = 200
    failures: int = 10**9
    location: str = ""
    kind: str = "application/zip"
    claims: int | None = None
    silent: list[float] = field(default_factory=list)


@dataclass
class Site:
    """The server: pages by path, and what was asked for."""

    address: str
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, Message]] = field(default_factory=list)
    sent: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def put(self, path: str, content: bytes = b"", **page: Any) -> str:
        """Puts a page there; gives its address."""
        self.pages[path] = Page(content, **page)
        return self.address + path


def handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers))
            page = site.pages.get(self.path, Page(status=404))
            if page.silent:
                site.over.wait(page.silent.pop(0))
            if page.location:
                self.send_response(302)
                self.send_header("Location", page.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif page.status != 200 and page.failures > 0:
                page.failures -= 1
                self.send_error(page.status)
            else:
                self._give(page)

        def _give(self, page: Page) -> None:
            start = self._start(page)
            body = page.content[start:]
            if start and not body:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(page.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(page.content) - 1}/{len(page.content)}")
            for name, value in (("ETag", page.tag), ("Last-Modified", page.date), ("Content-Type", page.kind)):
                if value:
                    self.send_header(name, value)
            if page.claims != -1:
                self.send_header("Content-Length", str(len(body) if page.claims is None else page.claims))
            self.end_headers()
            body = body[: page.cuts.pop(0)] if page.cuts else body
            site.sent += len(body)
            self.wfile.write(body)

        def _start(self, page: Page) -> int:
            wanted = self.headers.get("Range")
            if not wanted or not page.ranges:
                return 0
            same = self.headers.get("If-Range") in (None, page.tag, page.date)
            return int(wanted.removeprefix("bytes=").rstrip("-")) if same or page.ranges == "always" else 0

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    """A server with no pages yet."""
    found = Site("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(found))
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that went away is no matter
    found.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


class Said(list[str]):
    """What a listener was told."""

    def __init__(self) -> None:
        super().__init__()
        self.progress: list[tuple[str, int, int | None]] = []

    @property
    def listener(self) -> Listener:
        return Listener(self.append, lambda *told: self.progress.append(told))


@pytest.fixture
def said() -> Said:
    """Collects sentences and progress."""
    return Said()


@pytest.fixture(scope="session")
def zipped() -> Callable[[dict[str, bytes]], bytes]:
    """Path to content, as a zip file."""

    def make(files: dict[str, bytes]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def png() -> Callable[[object], bytes]:
    """An array as a PNG file."""

    def make(array: object) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(array, np.uint8)).save(buffer, format="PNG")
        return buffer.getvalue()

    return make
