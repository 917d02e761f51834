"""SplitRule: which images of a data set train, validate and test, as a recipe file says it."""

from fnmatch import fnmatch
from pathlib import PurePath

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

__all__ = ["SplitRule", "positions"]


class SplitRule(BaseModel):
    """Which images train, validate and test.

    Attributes:
        among: patterns of "folder/file" of images; positions count the images that match the first pattern that any
            matches, else all.
        train: positions in natural order of names, such as 0-15, 17; those of `val` are taken out.
        val: positions; empty draws them from `train` by the seed.
        test: positions.
        file: a split.csv instead: the data's own, else the one of this name beside the recipe file, whose names may be
            the beginnings of those of the images.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    among: tuple[str, ...] = ()
    train: str = ""
    val: str = ""
    test: str = ""
    file: str | None = None

    @field_validator("train", "val", "test")
    @classmethod
    def _sound(cls, text: str) -> str:
        positions(text)
        return text

    @model_validator(mode="after")
    def _said(self) -> "SplitRule":
        if (self.file is None) != bool(self.train and self.test):
            raise ValueError("give either positions that train and test, or a file")
        if set(positions(self.test)) & {*positions(self.train), *positions(self.val)}:
            raise ValueError("an image that is tested must not train or validate")
        return self

    def matching(self, images: dict[str, PurePath]) -> list[str]:
        """Names of the images that positions count, in the order given."""
        for pattern in self.among:
            if found := [name for name, path in images.items() if fnmatch(f"{path.parent.name}/{path.name}", pattern)]:
                return found
        return list(images)


def positions(text: str) -> tuple[int, ...]:
    """Numbers of a list such as 0-3, 7.

    Raises:
        ValueError: not such a list.
    """
    found: list[int] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) < int(first):
            raise ValueError(f"{part} is no position or range of positions, such as 0-17")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)
