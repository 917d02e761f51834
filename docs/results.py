"""Write the tables of docs/results.md from docs/results/*.json: python docs/results.py.

A table stands between `<!-- table:NAME -->` and `<!-- end -->`. NAME is that of a result of `unmask reproduce`: its
published rows and the JSON files of these data; or NAME-5-images: the files whose names end so, tools side by side.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from unmask.reproduce.claim import Claim, claim_names, read_claim
from unmask.reproduce.page import markdown_table
from unmask.reproduce.result import Result, read_result
from unmask.reproduce.side_by_side import Row, measured_row, published_row

HERE = Path(__file__).parent
TABLE = re.compile(r"(<!-- table:([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
FEW = re.compile(r"-(\d+)-images$")
NONE = "No run of this is recorded yet."


def page(text: str, folder: Path) -> str:
    """The page with its tables made anew.

    Args:
        text: the page.
        folder: of the JSON files.

    Raises:
        UnreadableFile: a file is not a result.
        ValueError: a table of unknown data, a file that no table shows, or one with other images than its name says.
    """
    files = {file.stem: read_result(file) for file in sorted(folder.glob("*.json"))}
    tables = [found[1] for found in TABLE.findall(text)]
    for stem, result in files.items():
        few = FEW.search(stem)
        if result.data + (few[0] if few else "") not in tables:
            raise ValueError(f"{stem}.json: no table of the page shows it")
        if few and result.images["train"] + result.images["val"] != int(few[1]):
            raise ValueError(f"{stem}.json: it was trained on other images than its name says")
    return TABLE.sub(lambda found: found[1] + _table(found[2], files) + found[3], text)


def _table(name: str, files: dict[str, Result]) -> str:
    """A table, and under it where each row comes from."""
    few = FEW.search(name)
    data = name[: few.start()] if few else name
    if data not in claim_names():
        raise ValueError(f"table:{name}: there is no result {data}")
    claim, ending = read_claim(data), few[0] if few else ""
    measured = [one for stem, one in files.items() if one.data == data and _ending(stem) == ending]
    measured.sort(key=lambda one: _first(claim, one))
    published = [] if few else claim.published
    rows = [published_row(one, claim.figures) for one in published]
    rows += [measured_row(one, claim.figures) for one in measured]
    told = [f"{one.source}. {one.unlike}".strip() for one in published] + [_told(one) for one in measured]
    table = markdown_table([figure.head for figure in claim.figures], _numbered(rows)) + "\n\n" if rows else ""
    lines = "".join(f"{number}. {sentence}\n" for number, sentence in enumerate(told, start=1))
    return table + lines + (f"\n{NONE}\n" if rows and not measured else "" if rows else f"{NONE}\n")


def _ending(stem: str) -> str:
    few = FEW.search(stem)
    return few[0] if few else ""


def _first(claim: Claim, result: Result) -> float:
    found = result.figure(claim.figures[0].key)
    return found.mean if found else 0.0


def _numbered(rows: Sequence[Row]) -> list[Row]:
    return [Row(f"{row.title} ({number})", row.cells) for number, row in enumerate(rows, start=1)]


def _told(result: Result) -> str:
    """Command, seeds and machine of a row."""
    commands = " and ".join(f"`{line}`" for line in result.command)
    seeds = ("seed " if len(result.seeds) == 1 else "seeds ") + ", ".join(str(one.seed) for one in result.seeds)
    taken = ", ".join(f"{one.minutes:g}" for one in result.seeds)
    words = f"{commands}: {seeds}, {taken} minutes of training, {result.machine}; {result.date}."
    return f"{words} {result.notes}".strip()


if __name__ == "__main__":
    file = HERE / "results.md"
    file.write_text(page(file.read_text(), HERE / "results"))
