"""Whether a set that was laid out is whole: its files, their number, their size."""

from pathlib import Path

from unmask.data.listing import read_headers
from unmask.errors import FetchError, UnmaskError
from unmask.public.catalogue import Expected, PublicSet

__all__ = ["check_structure"]


def check_structure(chosen: PublicSet, folder: Path) -> None:
    """Compares a folder with what the set should hold.

    Raises:
        FetchError: a file is missing, spare, unreadable or of another size; says which.
    """
    for expected in chosen.expected:
        _check(chosen, expected, folder)


def _check(chosen: PublicSet, expected: Expected, folder: Path) -> None:
    files = sorted(folder.glob(expected.pattern))
    if len(files) < expected.count or (len(files) > expected.count and not expected.least):
        most = "at least " * expected.least
        problem = f"{chosen.name} holds {len(files)} files {expected.pattern}, and {most}{expected.count} were expected"
        raise _changed(problem)
    if expected.size is None:
        return
    try:
        headers = read_headers(files)
    except UnmaskError as error:
        raise _changed(f"{Path(error.file or '').name} of {chosen.name} {error.problem}") from None
    for header in headers:
        if (header.size, header.pages) != (expected.size, expected.pages):
            found, wanted = (_words(size, pages) for size, pages in ((header.size, header.pages), _of(expected)))
            raise _changed(f"{header.path.name} of {chosen.name} holds {found}, and {wanted} was expected")


def _of(expected: Expected) -> tuple[tuple[int, int], int]:
    assert expected.size is not None, "only files of a known size are looked into"
    return expected.size, expected.pages


def _words(size: tuple[int, int], pages: int) -> str:
    return f"{f'{pages} images' if pages > 1 else 'an image'} of {size[0]} x {size[1]} pixels"


def _changed(problem: str) -> FetchError:
    return FetchError(problem, remedy="the makers changed it, or the file is damaged: look at the homepage")
