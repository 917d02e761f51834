"""unmask data, as it is typed: a list, one set's terms, and fetching from a server on this machine."""

import hashlib
import io
import json
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unmask.public import sets
from unmask.public.catalogue import Archive, Expected, PublicSet

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(unmask_here: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str, str]]:
    """The command: exit code, stdout, stderr."""
    return partial(unmask_here, "data")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PublicSet]:
    """A set on a server on this machine, the only one in the list."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in (("PNGImages/a.png", np.arange(100).reshape(10, 10)), ("PedMasks/a_mask.png", np.eye(10))):
            picture = io.BytesIO()
            Image.fromarray(array.astype(np.uint8)).save(picture, format="PNG")
            archive.writestr(f"Small/{name}", picture.getvalue())
    site = tmp_path / "site"
    site.mkdir()
    (site / "small.zip").write_bytes(buffer.getvalue())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/small.zip"
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    found = PublicSet(
        "small", "A [small] set", "noise", "One image.", 1, "CC BY-NC 4.0", "Not to be sold.", "no", "Us (2025)", "https://home",
        (Archive(url, len(buffer.getvalue()), sha256=sha256, source="published here"),), "penn-fudan",
        (Expected("images/*.png", 1), Expected("masks/*.png", 1)),
    )  # fmt: skip
    monkeypatch.setattr(sets, "SETS", (found,))
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def test_list(run: Run) -> None:
    code, out, _ = run()
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert {one.name for one in sets.SETS} <= set(rows)
    assert rows["isbi2012"].rstrip().endswith("unverified")
    assert " * " in rows["PhC-C2DH-U373"]
    assert " * " not in rows["dsb2018"]
    assert "~83.0 MB" in rows["dsb2018"]


def test_list_for_machines(run: Run) -> None:
    code, out, _ = run("--json")
    found = {one["name"]: one for one in json.loads(out)["sets"]}
    assert code == 0
    assert len(found) == len(sets.SETS)
    assert found["camvid"]["checked"] == "MD5"
    assert found["balloon"]["archives"][0]["sha256"] is None
    assert found["coco-val2017"]["commercial"] == "some"


def test_list_is_instant() -> None:
    code = "import sys, unmask.cli.main\nsys.argv = ['unmask', 'data']\ntry: unmask.cli.main.main()\nfinally: "
    code += "print(*({'numpy', 'torch', 'skimage', 'PIL'} & set(sys.modules)), 'loaded')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1].strip() == "loaded", done.stderr


@pytest.mark.parametrize("one", sets.SETS, ids=lambda one: one.name)
def test_terms_are_shown(run: Run, one: PublicSet) -> None:
    code, out, _ = run(one.name.upper())
    assert code == 0
    for words in (one.title, one.terms, one.citation, one.homepage, one.archives[-1].url):
        assert words in out
    assert ("commercial use" in out.split("Cite:")[0]) or one.commercial == "yes"
    assert f"unmask data {one.name} --out DIR" in out
    assert json.loads(run(one.name, "--json")[1])["name"] == one.name


def test_fetched(run: Run, small: PublicSet, tmp_path: Path) -> None:
    code, out, err = run("small", "--out", tmp_path / "to")
    assert code == 0, err
    licence, fetched = out.index("Licence: CC BY-NC 4.0. Not to be sold."), out.index("as published")
    assert licence < out.index("Not for commercial use without permission.") < fetched
    assert "A [small] set" in out
    assert "PNGImages/ and PedMasks/ are called images/ and masks/." in out
    assert "unmask reads it: 1 image" in out
    assert out.endswith(f"Next: unmask plan {tmp_path / 'to'}\n")
    code, out, _ = run("small", "--out", tmp_path / "to")
    assert code == 0
    assert out.endswith(f"{tmp_path / 'to'} is there already and whole: nothing was downloaded.\n")


def test_fetched_for_machines(run: Run, small: PublicSet, tmp_path: Path) -> None:
    code, out, err = run("small", "--out", tmp_path / "to", "--json")
    found: dict[str, Any] = json.loads(out)
    assert code == 0
    assert (found["folder"], found["already_there"], found["images"]) == (str(tmp_path / "to"), False, 1)
    assert found["archives"][0]["sha256"] == small.archives[0].sha256
    assert "Not to be sold." in err
    assert json.loads(run("small", "--out", tmp_path / "to", "--json")[1])["already_there"]


def test_wrong_use(run: Run, small: PublicSet, tmp_path: Path) -> None:
    assert run("--out", tmp_path / "to")[0] == 2
    code, _, err = run("smal")
    assert (code, err) == (
        1,
        "unmask: there is no public data set smal. The closest is small; type unmask data to see all of them.\n",
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    code, _, err = run("small", "--out", tmp_path / "full")
    assert code == 1
    assert err.endswith("is there already, and not by unmask data. Choose another --out.\n")


def test_no_network(run: Run, small: PublicSet, tmp_path: Path) -> None:
    (tmp_path / "site" / "small.zip").unlink()
    code, _, err = run("small", "--out", tmp_path / "to")
    assert code == 1
    place = tmp_path / "to-download" / "small.zip"
    assert f"has no such file (HTTP 404). Download it by hand (https://home), put it at {place} and type" in err


def test_stopped(tmp_path: Path) -> None:
    """Control-C in a download: exit code 1, one line, and what came stays."""
    content = bytes(5_000_000)
    code = f"""
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from dataclasses import replace
class Slow(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "{len(content)}")
        self.end_headers()
        self.wfile.write(bytes(1_000_000))
        time.sleep(30)
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
server.daemon_threads = True
Thread(target=server.serve_forever, daemon=True).start()
import unmask.cli.main
from unmask.public import sets
archive = replace(sets.SETS[0].archives[0], url=f"http://127.0.0.1:{{server.server_port}}/a.zip", size={len(content)})
sets.SETS = (replace(sets.SETS[0], archives=(archive,)),)
sys.argv = ["unmask", "data", "isbi2012", "--out", {str(tmp_path / "to")!r}]
unmask.cli.main.main()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    part = tmp_path / "to-download" / ".a.zip.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size >= 1_000_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert (
        err
        == f"unmask: {tmp_path / 'to'}: stopped; what was downloaded is kept. Type the same command again to go on.\n"
    )
    assert part.stat().st_size == 1_000_000
