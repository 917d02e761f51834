"""The folder of a reproduction: whose it is, before anything is written or removed in it."""

import json
from pathlib import Path

from unmask.data.files import write_text
from unmask.errors import PairingError, TrainingError
from unmask.reproduce.claim import Claim

__all__ = ["OWNER", "claim_folder"]

OWNER = "reproduction.json"


def claim_folder(claim: Claim, out: Path, minutes: float, data: Path | None) -> None:
    """Make the folder of a reproduction, or see that it is of the same one; nothing is made for data that are missing.

    Raises:
        PairingError: the data have no address and were not given, or are not there.
        TrainingError: the folder holds something else, or a training with other data or minutes.
    """
    if data is None and claim.simulated is None:
        raise PairingError("these data have no known address", remedy=f"give them with --data DIR: {claim.given}")
    wanted = {"name": claim.name, "minutes": minutes, "data": "" if data is None else str(data.resolve())}
    if not (out / OWNER).exists() and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TrainingError("this folder is not empty", file=out, remedy="choose a new --out")
    if any(out.glob("seed*")):
        _check(out, wanted)
    write_text(out / OWNER, json.dumps(wanted, indent=1) + "\n")


def _check(out: Path, wanted: dict[str, object]) -> None:
    """What was trained there belongs to what is wanted."""
    try:
        begun = json.loads((out / OWNER).read_text(encoding="utf-8"))
        other = next((word for word in wanted if begun[word] != wanted[word]), None)
    except (OSError, ValueError, KeyError, TypeError):
        begun, other = {}, "name"
    if other is not None:
        problem = f"was begun with {other} {begun.get(other) or 'unknown'}, not {wanted[other] or 'none'}"
        raise TrainingError(problem, file=out, remedy="type it as it was begun, or choose a new --out")
