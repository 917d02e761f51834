"""JSON files, read so that whatever is wrong with them is said in one way."""

import json
from pathlib import Path
from typing import Any

from unmask.errors import UnreadableFile

__all__ = ["read_json"]


def read_json(file: Path) -> Any:
    """What a JSON file holds.

    Raises:
        UnreadableFile: it cannot be opened, or is not JSON in UTF-8.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # also text that is not UTF-8
        problem = f"is not JSON, or cut off ({' '.join(str(error).split())[:120]})"
        raise UnreadableFile(problem, file=file, remedy="copy or export it again") from None
    except OSError as error:
        raise UnreadableFile(f"cannot be opened ({error.strerror})", file=file, remedy="give a readable file") from None
