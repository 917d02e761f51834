"""Recipes: round trip, overruling, and what is refused in which words."""

import pytest
import yaml

from unmask.errors import RecipeError
from unmask.recipe import MaskRCNNRecipe, Recipe, dump, keys, overrule, parse


def test_yaml_round_trip() -> None:
    recipe = overrule(Recipe(), ["augment.scale=[0.5, 2]", "schedule.minutes=3", "schedule.knots=[[0, 0.0], [9, 1.0]]"])
    assert parse(yaml.safe_load(dump(recipe))) == recipe


def test_settings_apply_in_order_and_leave_the_original() -> None:
    original = Recipe()
    changed = overrule(
        original, ["network.width=8", "network.width=24", "augment.flips=false", "schedule.minutes=null"]
    )
    assert (changed.network.width, changed.augment.flips, changed.schedule.minutes) == (24, False, None)
    assert original == Recipe()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("network.widht=8", r"The recipe has no value network.widht\. Did you mean network\.width"),
        ("width=8", r"no value width\. Did you mean network\.width"),
        ("network=8", r"no value network\."),
        ("nothing.at.all=1", r"no value nothing\.at\.all"),
        ("versions.torch=1", r"no value versions\.torch"),
        ("network.width", r"--set network\.width has no value\. Type --set network\.width=VALUE"),
        ("network.width=0", r"network\.width: 0: Input should be greater than or equal to 1.*unmask plan DATA"),
        ("network.width=wide", r"network\.width: 'wide': Input should be a valid integer"),
        ("network.padding=reflect", r"network\.padding: 'reflect': Input should be 'valid' or 'same'"),
        ("augment.scale=[2, 1]", r"scale wants two values, 0 < smallest <= largest"),
        ("instances.mask_threshold=0.9", r"mask_threshold must not be above seed_threshold"),
        ("normalise.high=0.1", r"low \(0\.5\) must be below high \(0\.1\)"),
        ("optimiser.learning_rate=.nan", r"optimiser\.learning_rate"),
        ("augment.scale=[1, 2", r"not a YAML value"),
        ("targets.class_weights=[1]", r"targets\.class_weights wants 2 values, the background's first"),
        ("data.channels=3", r"what the data are is read from them"),
    ],
)
def test_refused(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=f"(?i){message}"):
        overrule(Recipe(), [setting])


def test_unknown_key_in_a_file_names_the_nearest() -> None:
    values = Recipe().model_dump(mode="json")
    values["optimiser"]["lerning_rate"] = 1.0
    with pytest.raises(RecipeError, match=r"no value optimiser\.lerning_rate\. Did you mean optimiser\.learning_rate"):
        parse(values)


def test_every_value_says_what_it_means() -> None:
    """A value without a description would be a knob nobody can read about."""
    undescribed = []
    for name, part in Recipe.model_fields.items():
        if hasattr(part.annotation, "model_fields"):
            undescribed += [
                f"{name}.{key}"
                for key, field in part.annotation.model_fields.items()
                if field.description is None and key != "name"
            ]
    assert undescribed == []
    assert len(keys(Recipe().model_dump())) > 40


def test_of_mask_rcnn_only_what_it_uses_is_written_and_suggested() -> None:
    recipe = Recipe(network=MaskRCNNRecipe())
    assert not {"targets", "loss", "instances"} & set(yaml.safe_load(dump(recipe)))
    assert "detections" not in yaml.safe_load(dump(Recipe()))
    assert parse(yaml.safe_load(dump(recipe))) == recipe
    values = recipe.model_dump(mode="json")
    values["network"]["anchor_size"] = [[8]]
    with pytest.raises(RecipeError, match=r"no value network\.anchor_size\. Did you mean network\.anchor_sizes"):
        parse(values)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("network.name=unet", r"networks differ in more than a value\. Type --net instead"),
        ("network.anchor_sizes=[[8], [16]]", r"equally many sizes for each of five levels"),
        ("network.backbone=resnet99", r"network\.backbone: 'resnet99': Input should be 'resnet18'"),
        ("network.weights=none", r"no constants to freeze: add --set network\.norm=batch"),
        ("instances.reach=3", r"no value instances\.reach"),
    ],
)
def test_refused_with_mask_rcnn(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=f"(?i){message}"):
        overrule(Recipe(network=MaskRCNNRecipe()), [setting])


def test_weights_and_backbone_must_agree() -> None:
    with pytest.raises(RecipeError, match="the coco weights are for backbone resnet50"):
        overrule(Recipe(network=MaskRCNNRecipe(backbone="resnet18", norm="batch")), ["network.weights=coco"])
