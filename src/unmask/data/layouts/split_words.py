"""Which images train, validate and test, as names of files and folders say it."""

import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["WORDS", "splits_said", "word_in"]

WORDS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def word_in(path: str | Path) -> str | None:
    """The split that a name or a path says: train, val or test; the first of several."""
    words = re.findall("[a-z]+", str(path).lower())
    return next((WORDS[word] for word in words if word in WORDS), None)


def splits_said(words: Mapping[str, str | None]) -> tuple[dict[str, str], str]:
    """The split of every image, and a sentence that begins with a space where that is more than what names say.

    An image without a word is one to train on where others are kept from it. Images to test are never trained on, even
    if there are no others; where all are to validate, nothing is told apart, and there is no split.

    Args:
        words: "train", "val", "test" or None by name.
    """
    said = set(words.values()) - {None}
    if not said or set(words.values()) == {"val"}:
        return {}, ""
    bare = [name for name, word in words.items() if word is None]
    splits = {name: word or "train" for name, word in words.items()}
    if not bare or said == {"train"}:
        return splits, ""
    which, counts = ("1 image", "it counts") if len(bare) == 1 else (f"{len(bare):,} images", "they count")
    return splits, f" No split is said of {which}, such as {bare[0]}: {counts} as train."
