"""Recipe files: every one is sound and its head says what it says; and what is refused in one."""

import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unmask.errors import RecipeError
from unmask.metrics.scores import Tree, flat
from unmask.public.sets import find_set
from unmask.recipe import Recipe, overrule
from unmask.reproduce.claim import Claim, claim_names, claim_text, read_claim
from unmask.reproduce.split_rule import SplitRule, positions

NAMES = ["phantom", "isbi2012", "dsb2018", "ctc-sim", "vnc"]
AP: Tree = {f"{threshold / 100:.2f}": 0.0 for threshold in range(50, 100, 5)}
KEYS = {
    *(f"objects.{key}" for key in (*flat({"ap": AP}), "panoptic_quality", "seg")),
    *(f"boundaries.{key}" for key in ("v_rand", "v_info", "rand_error", "warping_error")),
    "semantic.pixel_error",
}


def test_all_are_listed() -> None:
    assert claim_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_is_sound_and_its_head_agrees(name: str) -> None:
    claim = read_claim(name.upper())
    head = claim_text(f"{name}.yaml").split("\n\n")[0]
    assert claim.name == name
    assert head.startswith(f"# unmask reproduce {name} ")
    assert re.search(rf"^# Time: {claim.minutes:g} minutes of training a seed", head, re.MULTILINE)
    assert all(word in head for word in ("Machine: ", "Score to expect: ")), head
    assert ("--data" in head) == (claim.public is None and claim.simulated is None)
    if claim.public is not None:
        assert find_set(claim.public).name == claim.public
    overrule(Recipe(), claim.settings)  # raises where a setting is unknown


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_scores_that_there_are(name: str) -> None:
    """A misspelt key would show nothing, for ever."""
    claim = read_claim(name)
    classes = ["object"] if claim.merged is None else [name for _, name, _ in claim.merged.classes]
    known = KEYS | {f"semantic.{score}_{one}" for score in ("iou", "dice") for one in classes}
    assert {figure.key for figure in claim.figures} <= known


def test_the_papers_figures() -> None:
    """Ronneberger et al. 2015, Table 1; Schmidt et al. 2018, Table 1."""
    first = read_claim("isbi2012").published[0]
    assert list(first.figures.values()) == [0.000353, 0.0382, 0.0611]
    rows = {row.row: row.figures for row in read_claim("dsb2018").published}
    assert rows["StarDist"]["objects.ap_0.50"] == 0.864
    assert rows["Mask R-CNN"]["objects.ap_0.90"] == 0.189
    assert all(row.unlike for row in read_claim("isbi2012").published)  # hidden labels: none is comparable


def test_an_unknown_name() -> None:
    with pytest.raises(RecipeError, match=r"there is no result isbi to reproduce\. Choose from phantom, isbi2012, dsb"):
        read_claim("isbi")


@pytest.mark.parametrize(
    ("text", "found"), [("", ()), ("0", (0,)), ("0-3, 7", (0, 1, 2, 3, 7)), ("5,5-6", (5, 5, 6)), ("10-10", (10,))]
)
def test_positions(text: str, found: tuple[int, ...]) -> None:
    assert positions(text) == found


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9)), max_size=5))
def test_positions_are_what_ranges_hold(ranges: list[tuple[int, int]]) -> None:
    text = ", ".join(f"{first}-{first + more}" for first, more in ranges)
    assert list(positions(text)) == [place for first, more in ranges for place in range(first, first + more + 1)]


@pytest.mark.parametrize("text", ["a", "3-", "-3", "5-2", "1.5", "1-2-3", "²"])
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no position or range of positions, such as 0-17"):
        positions(text)


def test_positions_count_the_images_of_the_first_pattern_that_any_match() -> None:
    images = {name: PurePath(f"d/{name.replace('_', '/')}.tif") for name in ("01_t0", "01_t1", "02_t0")}
    rule = SplitRule(among=("*/volume.tif", "01/*"), train="0", test="1")
    assert rule.matching(images) == ["01_t0", "01_t1"]
    assert SplitRule(train="0", test="1").matching(images) == list(images)
    assert SplitRule(among=("9/*",), train="0", test="1").matching(images) == list(images)


def _drop(key: str) -> Callable[[Any], object]:
    return lambda values: values.pop(key)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop("split"), "real data want a split"),
        (lambda values: values.update(figurs=[]), "Extra inputs"),
        (lambda values: values["split"].update(test="2, 5"), "tested must not train or validate"),
        (lambda values: values["split"].update(val="18"), "tested must not train or validate"),
        (lambda values: values["split"].update(train=""), "either positions that train and test, or a file"),
        (lambda values: values["split"].update(train="5-2"), "5-2 is no position or range"),
        (lambda values: values["expected"].update(machine=""), "a machine and the number"),
        (lambda values: values["expected"].update(figures={"boundaries.v_rand": None}), "and these want a figure"),
        (lambda values: values["published"][0]["figures"].update({"objects.seg": 1}), "objects.seg is not among"),
        (lambda values: values["predict"].update(tta=2), "Input should be 1, 7 or 8"),
    ],
)
def test_what_is_refused(change: Callable[[Any], object], message: str) -> None:
    values = yaml.safe_load(claim_text("isbi2012.yaml"))
    Claim.model_validate(values)
    change(values)
    with pytest.raises(ValidationError, match=message):
        Claim.model_validate(values)
