"""Documents cannot drift: generated pages are current, links lead somewhere, the changelog knows the version."""

import re
import runpy
from pathlib import Path

import pytest

import unmask

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("page", ["commands", "recipe"])
def test_generated_pages_are_current(page: str) -> None:
    """Make them anew with: python docs/generate.py."""
    made = runpy.run_path(str(ROOT / "docs" / "generate.py"))[page]()
    assert (ROOT / "docs" / f"{page}.md").read_text() == made


def test_changelog_knows_the_version() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == unmask.__version__


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
