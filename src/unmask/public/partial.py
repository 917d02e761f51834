"""A file that is not whole yet: hidden, with a note of where it came from.

The note holds the address and what the server called the file (ETag or date), so that the rest of another or of a
changed file is never put behind it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from unmask.data.files import write_text
from unmask.errors import FetchError
from unmask.public.catalogue import Archive

__all__ = ["Partial"]


@dataclass(frozen=True)
class Partial:
    """What is here of a file that is not whole yet.

    Attributes:
        archive: what it is to become.
        file: its path when it is whole.
        homepage: where a person finds it, for messages.
    """

    archive: Archive
    file: Path
    homepage: str

    @property
    def path(self) -> Path:
        """Where it is until then."""
        return self.file.with_name(f".{self.file.name}.part")

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def begun(self) -> tuple[int, str | None]:
        """Bytes to go on from, and what the server called the file; 0 where it could not be told from another."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            url, validator = note["url"], note["validator"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0, None
        sure = validator or self.archive.checked != "unverified"
        return (self.size, validator) if sure and url == self.archive.url else (0, None)

    def begin(self, validator: str | None) -> None:
        """Starts with no bytes, and notes what the server calls the file whose bytes come now."""
        self.path.write_bytes(b"")  # first, so that a note never belongs to other bytes
        write_text(self._note, json.dumps({"url": self.archive.url, "validator": validator}))

    def finish(self) -> None:
        """Gives the file its name."""
        self.path.replace(self.file)
        self.drop()

    def drop(self) -> None:
        """Removes what is here."""
        for file in (self.path, self._note):
            file.unlink(missing_ok=True)

    def failed(self, problem: str) -> FetchError:
        """An error of the connection, with how to get the file by hand."""
        place = f"put it at {self.file} and type the same command, which goes on with it"
        return FetchError(f"{self.archive.url}: {problem}", remedy=f"download it by hand ({self.homepage}), {place}")

    def another(self, problem: str) -> FetchError:
        """The error that the server has another file than the one meant; what is here of it is dropped."""
        self.drop()
        remedy = f"the makers may have changed it: look at {self.homepage}"
        return FetchError(f"{self.archive.url}: {problem}", remedy=remedy)

    @property
    def _note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")
