"""Recipe: what a run is, every value of it. No torch, no files; `recipe.yaml` is this, written down.

`plan` derives a recipe from data and machine, `--set a.b=value` overrules it, `train` completes it (the steps a time
budget bought, the fitted instance parameters, package versions) and the model file carries it.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from unmask.errors import RecipeError

__all__ = [
    "AugmentRecipe",
    "DataRecipe",
    "DetectionRecipe",
    "InstanceRecipe",
    "LossRecipe",
    "MaskRCNNRecipe",
    "NormaliseRecipe",
    "OptimiserRecipe",
    "Recipe",
    "ScheduleRecipe",
    "TargetRecipe",
    "UNetRecipe",
    "dump",
    "keys",
    "overrule",
    "parse",
    "used",
]

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataRecipe(_Part):
    """What the images and annotations are."""

    path: str = Field("", description="the data set's folder")
    kind: Literal["objects", "classes", "binary"] = Field("objects", description="what the masks hold")
    channels: Positive = Field(1, description="channels of an image")
    class_names: tuple[str, ...] = Field(("object",), description="classes without the background")
    class_values: tuple[int, ...] = Field((1,), description="the value of each class in the mask files")
    pixel_size: tuple[float, float] | None = Field(None, description="(y, x) in micrometres, where files say it")
    split_file: str | None = Field(None, description="the split.csv that was given; none: the folder's own, or drawn")
    layout: str | None = Field(None, description="the layout that was given; none: found by looking")
    ignore: str | None = Field(None, description="what of the masks is ignored, where that was given")


class NormaliseRecipe(_Part):
    """How grey values become numbers around 0 to 1: a linear stretch whose constants are those of a whole image."""

    method: Literal["percentile", "fixed"] = Field(
        "percentile", description="percentile: constants of each whole image; fixed: one pair for all images"
    )
    low: float = Field(0.5, description="percentile, or grey value when fixed, that becomes 0")
    high: float = Field(99.8, description="percentile, or grey value when fixed, that becomes 1")

    @model_validator(mode="after")
    def _ordered(self) -> "NormaliseRecipe":
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        if self.method == "percentile" and not (self.low >= 0 and self.high <= 100):
            raise ValueError("percentiles lie between 0 and 100")
        return self


class UNetRecipe(_Part):
    """The network; the paper's is width 64, depth 4, no norm, valid padding."""

    name: Literal["unet"] = "unet"
    width: Positive = Field(32, description="channels after the first convolution; doubled at each level")
    depth: Annotated[int, Field(ge=1, le=7)] = Field(4, description="how often the image is pooled")
    norm: Literal["batch", "none"] = Field("batch", description="batch normalisation after each convolution, or none")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="at the end of the contracting path")
    padding: Literal["valid", "same"] = Field("same", description="valid: the paper's unpadded convolutions")
    enlarge: Literal[1, 2, 4] = Field(
        1, description="how many times the network sees images enlarged, for small objects"
    )
    reduce: Annotated[int, Field(ge=1, le=8)] = Field(
        1, description="how many times the network sees images reduced, for huge objects"
    )
    members: Positive = Field(
        1, description="networks whose probabilities are averaged; of an ensemble, as --folds makes"
    )

    @model_validator(mode="after")
    def _one_way(self) -> "UNetRecipe":
        if self.enlarge > 1 and self.reduce > 1:
            raise ValueError("enlarge and reduce exclude each other")
        return self


class MaskRCNNRecipe(_Part):
    """The network; torchvision's is resnet50, width 256, box_width 1024, shortest-edge, 512 regions."""

    name: Literal["mask-rcnn"] = "mask-rcnn"
    backbone: Literal["resnet18", "resnet34", "resnet50", "resnet101"] = Field("resnet50", description="the ResNet")
    weights: str = Field(
        "imagenet", description="what training starts from: imagenet, coco (resnet50), none, or a file of weights"
    )
    norm: Literal["frozen", "batch"] = Field(
        "frozen", description="frozen: batch norm keeps the constants of its weights; batch: it is trained"
    )
    width: Positive = Field(256, description="channels of the feature pyramid and of the mask head")
    box_width: Positive = Field(1024, description="width of the two layers of the box head")
    masks: bool = Field(True, description="no: boxes only, which is Faster R-CNN")
    resize: Literal["native", "shortest-edge", "square"] = Field(
        "native", description="native: times scale; shortest-edge: to 800, at most 1333; square: into 1024 x 1024"
    )
    scale: Annotated[float, Field(gt=0, le=8)] = Field(1.0, description="how much native images are enlarged")
    anchor_sizes: tuple[tuple[Annotated[float, Field(gt=0)], ...], ...] = Field(
        ((32.0,), (64.0,), (128.0,), (256.0,), (512.0,)),
        description="sides of the anchors on P2 to P6, pixels of the enlarged image",
    )
    anchor_ratios: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.5, 1.0, 2.0), description="height over width of the anchors"
    )
    anchors_sampled: Positive = Field(256, description="anchors a tile that the proposal loss looks at")
    regions: Positive = Field(512, description="regions a tile that the heads are trained on")
    proposals: Positive = Field(
        1000,
        description="regions a pass that the heads look at in prediction, or more for many objects; twice in training",
    )
    frozen_until: Fraction = Field(0.1, description="share of the run in which the backbone is left as it is")
    frozen_stages: Annotated[int, Field(ge=0, le=5)] = Field(
        2, description="stages of the backbone that are never trained: 1 is the first convolution, 2 layer1, 5 all"
    )
    backbone_rate: Fraction = Field(0.1, description="learning rate of the backbone, as a share of the others'")
    copy_paste: Fraction = Field(
        0.0, description="share of tiles that objects of the next tile of the batch are pasted into"
    )

    @model_validator(mode="after")
    def _possible(self) -> "MaskRCNNRecipe":
        if len(self.anchor_sizes) != 5 or len({len(level) for level in self.anchor_sizes}) != 1:
            raise ValueError("anchor_sizes wants equally many sizes for each of five levels, P2 to P6")
        if not self.anchor_sizes[0] or not self.anchor_ratios:
            raise ValueError("at least one anchor size a level and one ratio are needed")
        if self.weights == "none" and self.norm == "frozen":
            raise ValueError("without weights there are no constants to freeze: add --set network.norm=batch")
        if self.weights == "coco" and self.backbone != "resnet50":
            raise ValueError("the coco weights are for backbone resnet50")
        return self


class TargetRecipe(_Part):
    """What the loss compares with."""

    ridge: Annotated[int, Field(ge=0)] = Field(2, description="width of the background between objects, pixels")
    border_weight: NotNegative = Field(10.0, description="w0 of the paper's border weight")
    border_sigma: Annotated[float, Field(gt=0)] = Field(5.0, description="sigma of the border weight, pixels")
    class_weights: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1.0, 1.0), description="weight of each class, the background first; balances their frequencies"
    )


class AugmentRecipe(_Part):
    """How far a training tile may be changed; 0 switches a change off."""

    flips: bool = Field(True, description="mirror images")
    rotation: Annotated[float, Field(ge=0, le=180)] = Field(180.0, description="largest rotation, degrees")
    scale: tuple[float, float] = Field((0.8, 1.25), description="smallest and largest magnification")
    shift: NotNegative = Field(8.0, description="largest shift, pixels")
    elastic: NotNegative = Field(10.0, description="standard deviation of the 3 x 3 displacements, pixels")
    brightness: NotNegative = Field(0.1, description="largest change of the offset, in normalised grey values")
    contrast: NotNegative = Field(0.3, description="largest relative change of the contrast")
    gamma: NotNegative = Field(0.3, description="largest absolute value of the logarithm of gamma")
    noise: NotNegative = Field(0.03, description="largest standard deviation of added noise, normalised grey values")
    blur: NotNegative = Field(1.0, description="largest standard deviation of a Gaussian blur, pixels")

    @model_validator(mode="after")
    def _ordered(self) -> "AugmentRecipe":
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError("scale wants two values, 0 < smallest <= largest")
        return self


class LossRecipe(_Part):
    """Weighted softmax cross entropy, with soft Dice added where wanted."""

    dice: NotNegative = Field(0.0, description="weight of the soft Dice loss beside the cross entropy's 1")


class OptimiserRecipe(_Part):
    """The optimiser and its largest learning rate."""

    name: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = Field(3e-3, description="the largest of the schedule")
    weight_decay: NotNegative = Field(1e-2, description="decoupled for AdamW")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="SGD's momentum, AdamW's first beta")
    cycle: Literal["one", "constant"] = Field("one", description="one: warm up, then a cosine down to nothing")
    clip: NotNegative = Field(1.0, description="largest norm of the gradient; 0 does not clip")


class ScheduleRecipe(_Part):
    """How long, on what, how often looked at."""

    tile: Positive = Field(256, description="side of a training tile of the network's output, pixels")
    batch: Positive = Field(8, description="tiles a step, over all devices")
    steps: Positive = Field(2000, description="how many steps; with --minutes, what the time is found to buy")
    minutes: Annotated[float, Field(gt=0)] | None = Field(None, description="wall-clock budget of the whole command")
    criterion: Literal["ap", "v_rand", "dice"] = Field(
        "ap", description="what decides which weights and thresholds are best on the validation images"
    )
    validations: Positive = Field(6, description="how often the validation images are predicted")
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = Field("32-true", description="Lightning's word")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="of weights, split, tiles and augmentation")
    knots: tuple[tuple[int, float], ...] = Field(
        (), description="(step, progress): the schedule a time budget ended up with; a rerun follows it exactly"
    )


class InstanceRecipe(_Part):
    """How objects are read from probabilities; fitted on the validation images."""

    seed_threshold: Fraction = Field(0.7, description="foreground probability above which a component is an object")
    mask_threshold: Fraction = Field(0.5, description="objects grow while the foreground probability is above this")
    reach: Annotated[int, Field(ge=0)] = Field(4, description="how far objects grow at most, pixels")
    min_size: Annotated[int, Field(ge=1)] = Field(10, description="smaller objects are dropped, pixels")
    max_hole: Annotated[int, Field(ge=0)] = Field(64, description="holes up to this size are filled, pixels")
    temperature: Annotated[float, Field(gt=0)] = Field(
        1.0,
        description="what the logits were divided by so that probabilities mean shares; the weights hold it already",
    )

    @model_validator(mode="after")
    def _ordered(self) -> "InstanceRecipe":
        if self.mask_threshold > self.seed_threshold:
            raise ValueError("mask_threshold must not be above seed_threshold")
        return self


class DetectionRecipe(_Part):
    """How objects are read from Mask R-CNN's detections; the thresholds are fitted on the validation images."""

    score_threshold: Fraction = Field(0.5, description="detections of a lower score are none")
    mask_threshold: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="probability from which a pixel belongs to the object"
    )
    nms: Fraction = Field(0.5, description="of boxes of a class that overlap by more than this IoU the best is kept")
    covered: Fraction = Field(
        0.5, description="an object of which better ones cover more than this share is none, unless overlaps are kept"
    )
    min_size: Positive = Field(1, description="objects whose whole mask is smaller are dropped, pixels")
    max_detections: Positive = Field(
        100, description="objects a million pixels that a pass may find, 100 at least; where it does, you are told"
    )
    overlap: Positive = Field(128, description="how far windows of large images overlap: the largest object, pixels")
    window: Positive = Field(
        1024, description="side of these windows, pixels as the network sees them; at least two overlaps"
    )


Network = Annotated[UNetRecipe | MaskRCNNRecipe, Field(discriminator="name")]

# Parts that only one network has a use for.
ONLY: dict[str, tuple[str, ...]] = {"unet": ("targets", "loss", "instances"), "mask-rcnn": ("detections",)}


class Recipe(_Part):
    """A whole run, resolved."""

    base: Literal["default", "paper"] = "default"
    data: DataRecipe = DataRecipe()
    network: Network = UNetRecipe()
    normalise: NormaliseRecipe = NormaliseRecipe()
    targets: TargetRecipe = TargetRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    loss: LossRecipe = LossRecipe()
    optimiser: OptimiserRecipe = OptimiserRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    instances: InstanceRecipe = InstanceRecipe()
    detections: DetectionRecipe = DetectionRecipe()
    reasons: dict[str, str] = Field(default_factory=dict, description="why a value is what it is, by dotted key")
    versions: dict[str, str] = Field(default_factory=dict, description="of the packages that made the run")

    @model_validator(mode="after")
    def _weights_for_classes(self) -> "Recipe":
        classes = 1 + len(self.data.class_names)
        if self.network.name == "unet" and len(self.targets.class_weights) != classes:
            raise ValueError(f"targets.class_weights wants {classes} values, the background's first")
        return self


def overrule(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """A recipe with `a.b=value` settings applied, in order.

    Args:
        recipe: what is overruled; not changed.
        settings: as typed after `--set`; values are YAML, so `scale=[0.9, 1.1]` and `flips=false` work.

    Raises:
        RecipeError: a setting without `=`, an unknown key (the nearest known one is named) or an impossible value.
    """
    values = used(recipe)
    for setting in settings:
        if setting.startswith("data."):
            raise RecipeError(f"--set {setting}: what the data are is read from them", remedy="leave it out")
        if setting.partition("=")[0].strip() == "network.name":
            raise RecipeError(f"--set {setting}: networks differ in more than a value", remedy="type --net instead")
        key, equals, text = setting.partition("=")
        if not equals:
            raise RecipeError(f"--set {setting} has no value", remedy=f"type --set {key}=VALUE")
        *parents, last = key.strip().split(".")
        at = values
        for part in parents:
            at = at.get(part) if isinstance(at, dict) else None  # type: ignore[assignment]
        if (
            not isinstance(at, dict)
            or last not in at
            or isinstance(at[last], dict)
            or parents[:1] in (["reasons"], ["versions"])
        ):
            raise _unknown(key.strip(), recipe)
        at[last] = _value(key, text)
    return parse(values)


def parse(values: Mapping[str, Any]) -> Recipe:
    """A recipe from plain values, as `recipe.yaml` or a model file hold them.

    Raises:
        RecipeError: an unknown key or an impossible value; the first is named.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        # Within a network pydantic names the network too.
        key = ".".join(str(part) for part in first["loc"] if part not in ONLY)
        if first["type"] == "extra_forbidden":
            raise _unknown(key, _of_network(values)) from None
        message = first["msg"].removeprefix("Value error, ")
        given = "" if isinstance(first["input"], dict | BaseModel) else f"{first['input']!r}: "
        raise RecipeError(
            f"recipe value {key}: {given}{message}" if key else message,
            remedy="type `unmask plan DATA` to see every value and what it means",
        ) from None


def dump(recipe: Recipe) -> str:
    """The recipe as YAML, in the order of this file."""
    return yaml.safe_dump(used(recipe), sort_keys=False, allow_unicode=True, default_flow_style=None)


def used(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain values, without the parts that its network has no use for."""
    values = recipe.model_dump(mode="json")
    for network, parts in ONLY.items():
        if network != recipe.network.name:
            for part in parts:
                del values[part]
    return values


def keys(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every dotted key, leaves only."""
    found = []
    for name, value in values.items():
        inner = isinstance(value, dict) and name not in ("reasons", "versions")
        found += keys(value, f"{prefix}{name}.") if inner else [prefix + name]
    return found


def _of_network(values: Mapping[str, Any]) -> Recipe:
    """A recipe of the network that values name, for its keys."""
    network = values.get("network")
    name = network.get("name") if isinstance(network, Mapping) else None
    return Recipe(network=MaskRCNNRecipe()) if name == "mask-rcnn" else Recipe()


def _unknown(key: str, recipe: Recipe) -> RecipeError:
    known = keys(used(recipe))
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    same_name = [name for name in known if name.rsplit(".")[-1] == key.rsplit(".")[-1]]
    return RecipeError(f"the recipe has no value {key}", remedy=f"did you mean {(same_name or near)[0]}")


def _value(key: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise RecipeError(f"--set {key}={text}: not a YAML value", remedy="quote text that has special signs") from None
