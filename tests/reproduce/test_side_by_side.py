"""Rows of the table, in text: by hand."""

import pytest

from unmask.reproduce.claim import Claim, Expected, read_claim
from unmask.reproduce.page import caveats, page
from unmask.reproduce.result import Result, SeedResult, Spread
from unmask.reproduce.side_by_side import Row, decimal, expected_words, rows, with_spread


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8364, ".836"), (0.0, ".000"), (1.0, "1.000"), (0.0611, ".0611"), (0.003312, ".00331"), (0.000353, ".000353"),
     (0.99999, "1.000"), (-0.25, "-.250"), (12.5, "12.500")],
)  # fmt: skip
def test_decimals(value: float, text: str) -> None:
    assert decimal(value) == text


def test_spread_has_the_decimals_of_the_mean() -> None:
    assert with_spread(Spread(0.8364, 0.00449, 3)) == ".836 ± .004"
    assert with_spread(Spread(0.0033, 0.0002, 2)) == ".00330 ± .00020"
    assert with_spread(Spread(0.5, None, 1)) == ".500"


def isbi(*v_rand: float) -> Result:
    seeds = tuple(SeedResult(seed, 59.9, {"boundaries": {"v_rand": value}}) for seed, value in enumerate(v_rand))
    images = {"train": 15, "val": 3, "test": 6}
    versions = {"unmask": "1", "torch": "2"}
    return Result("isbi2012", "unmask U-Net", ("unmask x",), images, 60.0, "2 cores", versions, "2025-01-31", seeds)


def test_papers_first_then_ours() -> None:
    claim = read_claim("isbi2012")
    other = claim.published[0].model_copy(update={"row": "another", "figures": {"boundaries.warping_error": 0.00042}})
    found = rows(claim.model_copy(update={"published": (*claim.published, other)}), [isbi(0.92, 0.94)])
    assert found[0] == Row("U-Net (2015)", ("", "", ".0611", ".0382", ".000353"))
    assert found[2].cells[-1] == ".000420"
    assert found[-1] == Row("unmask U-Net, 60 minutes, 2 seeds", (".930 ± .014", "", "", "", ""))
    assert [row.title for row in rows(read_claim("dsb2018"), [])][-1] == "Otsu and distance watershed"


def test_expected_figures_that_nobody_measured_are_said_to_be_so() -> None:
    claim = read_claim("isbi2012")
    expected = Expected(figures={"boundaries.v_rand": 0.93, "boundaries.v_info": None}, machine="2 cores", seeds=3)
    measured = claim.model_copy(update={"expected": expected})
    assert expected_words(measured) == "V_rand .930 (mean of 3 seeds, 2 cores); V_info not measured yet"
    blank = claim.model_copy(update={"expected": Expected(figures={"boundaries.v_rand": None})})
    assert expected_words(blank) == "V_rand not measured yet"


def test_the_page_says_what_is_not_comparable() -> None:
    claim: Claim = read_claim("isbi2012")
    text = page(claim, isbi(0.92))
    assert "| U-Net (2015) |  |  | .0611 | .0382 | .000353 |" in text
    assert "- U-Net (2015): Ronneberger et al. 2015, Table 1. Hidden labels of 30 other slices" in text
    assert "15 images train, 3 validate, 6 test. Trained for 59.9 minutes on 2 cores; 2025-01-31; unmask 1" in text
    assert "\n    unmask x\n" in text
    assert "One seed shows no spread" in text
    assert not any("One seed" in sentence for sentence in caveats(claim, isbi(0.92, 0.94)))
