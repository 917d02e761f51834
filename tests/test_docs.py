"""Documents cannot drift: generated pages are current, links lead somewhere, the changelog knows the version."""

import re
import runpy
from pathlib import Path

import pytest

import unmask
from unmask.data.layouts.layouts import LAYOUTS

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def test_every_option_is_documented() -> None:
    """The page is made by `python docs/generate.py`; its layout is Typer's, so only what it names is compared."""
    named = re.compile(r"^## `unmask \w+`|^\* `[^`]+`", re.MULTILINE)
    made = runpy.run_path(str(ROOT / "docs" / "generate.py"))["commands"]()
    page = (ROOT / "docs" / "commands.md").read_text()
    words = [[re.sub(r" <[^>]*>", "", found) for found in named.findall(text)] for text in (page, made)]
    assert words[0] == words[1]
    assert len(words[0]) > 30


def test_recipe_page_is_current() -> None:
    """Make it anew with: python docs/generate.py."""
    made = runpy.run_path(str(ROOT / "docs" / "generate.py"))["recipe"]()
    assert (ROOT / "docs" / "recipe.md").read_text() == made


def test_page_of_findings_is_current() -> None:
    """Make it anew with: python docs/generate.py."""
    made = runpy.run_path(str(ROOT / "docs" / "generate.py"))["findings"]()
    assert (ROOT / "docs" / "check.md").read_text() == made


def test_every_layout_is_documented() -> None:
    page = (ROOT / "docs" / "data.md").read_text()
    assert [layout.name for layout in LAYOUTS if f"| `{layout.name}` |" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_written(page: Path) -> None:
    assert len(page.read_text()) > 300


def test_changelog_knows_the_version() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == unmask.__version__


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
