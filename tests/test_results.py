"""docs/results.md cannot drift: its tables are made from the JSON files beside it."""

import runpy
from pathlib import Path

import pytest

from unmask.reproduce.claim import claim_names
from unmask.reproduce.result import Result, SeedResult, write_result

DOCS = Path(__file__).parents[1] / "docs"
PAGE = runpy.run_path(str(DOCS / "results.py"))["page"]


def result(tool: str, *aps: float, train: int = 4) -> Result:
    seeds = tuple(SeedResult(seed, 19.9, {"objects": {"ap": {"0.50": ap}}}) for seed, ap in enumerate(aps))
    images = {"train": train, "val": 1, "test": 91}
    return Result("dsb2018", tool, (f"run {tool}",), images, 20.0, "2 cores", {}, "2025-01-31", seeds, "A note.")


def test_page_is_current() -> None:
    """Make it anew with: python docs/results.py."""
    text = (DOCS / "results.md").read_text()
    assert PAGE(text, DOCS / "results") == text
    assert all(f"<!-- table:{name} -->" in text for name in claim_names())


def test_tables_are_made(tmp_path: Path) -> None:
    text = "a\n<!-- table:dsb2018 -->\nold\n<!-- end -->\nb\n<!-- table:dsb2018-5-images -->\n<!-- end -->\nc\n"
    write_result(tmp_path / "dsb2018-a-5-images.json", result("A", 0.8, 0.9))
    write_result(tmp_path / "dsb2018-b-5-images.json", result("B", 0.7))
    write_result(tmp_path / "dsb2018-unet.json", result("U", 0.9, train=341))
    made = PAGE(text, tmp_path)
    whole, few = made.split("\nb\n")
    assert "old" not in made
    assert "| U, 20 minutes, 1 seed (6) | .900 |" in whole
    assert "\n6. `run U`: seed 0, 19.9 minutes of training, 2 cores; 2025-01-31. A note.\n<!-- end -->" in whole
    assert "| StarDist (4) | .864 |" in whole
    assert "StarDist" not in few  # trained on 447 images
    assert few.index("| B, 20 minutes, 1 seed (1) | .700 |") < few.index("| A, 20 minutes, 2 seeds (2) | .850 ± .071 |")
    assert "\n2. `run A`: seeds 0, 1, 19.9, 19.9 minutes" in few
    assert PAGE(made, tmp_path) == made


def test_what_no_table_shows_is_said(tmp_path: Path) -> None:
    table = "<!-- table:dsb2018 -->\n<!-- end -->\n"
    assert "No run of this is recorded yet." in PAGE(table, tmp_path)
    with pytest.raises(ValueError, match="table:dsb: there is no result dsb"):
        PAGE(table.replace("2018", ""), tmp_path)
    write_result(tmp_path / "dsb2018-a-5-images.json", result("A", 0.8, train=5))
    with pytest.raises(ValueError, match=r"dsb2018-a-5-images\.json: no table of the page shows it"):
        PAGE(table, tmp_path)
    with pytest.raises(
        ValueError, match=r"dsb2018-a-5-images\.json: it was trained on other images than its name says"
    ):
        PAGE(table.replace("2018", "2018-5-images"), tmp_path)
