"""Model: a trained network and its recipe, and the one file that holds both.

`model.safetensors` is self-contained: weights under their module names, and in the metadata the recipe, halo and
stride, a format version, and beside the weights a small test vector with the output it gave when it was written.
Loading executes no code, and checks that this machine computes the same.
"""

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from unmask.data.files import atomic
from unmask.errors import ModelError, RecipeError
from unmask.family import Family, family_of
from unmask.joining import check_joinable, mean_of
from unmask.nets import Ensemble, Halo
from unmask.recipe import DetectionRecipe, InstanceRecipe, Recipe, UNetRecipe, parse

__all__ = ["FORMAT", "Model", "find_model_file"]

FORMAT = 1
TEST_INPUT, TEST_OUTPUT = "test_vector.input", "test_vector.output"
# Other processors add in another order; a wrong weight or layer differs by far more.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Model:
    """A network with everything that is needed to use it.

    Attributes:
        net: in evaluation mode.
        recipe: the whole run that made it.
        fingerprint: SHA-256 of the file it came from or went to; empty before. Of joined models that of each, with +
            between.
        file: that file; None before, and of joined models.
    """

    net: nn.Module
    recipe: Recipe
    fingerprint: str = ""
    file: Path | None = None

    @cached_property
    def halo(self) -> Halo:
        """Halo, stride and valid sizes of the network."""
        return self.family.halo(self.net)

    @cached_property
    def unpadded(self) -> "Model | None":
        """A zero-padded U-Net without its padding, and as yet without weights (`share`); None for other networks."""
        network = self.recipe.network
        if not isinstance(network, UNetRecipe) or network.padding == "valid":
            return None
        recipe = self.recipe.model_copy(update={"network": network.model_copy(update={"padding": "valid"})})
        return Model(_without_weights(recipe).eval(), recipe)

    def share(self, other: "Model") -> "Model":
        """The other model with this one's weights, in the same memory and on the same device."""
        other.net.load_state_dict(self.net.state_dict(), assign=True)
        return other

    @property
    def members(self) -> "tuple[Model, ...]":
        """The networks of an ensemble, each as a model with its weights in the same memory; of others itself alone."""
        if not isinstance(self.net, Ensemble):
            return (self,)
        network = self.recipe.network.model_copy(update={"members": 1})
        recipe = self.recipe.model_copy(update={"network": network})
        return tuple(Model(net, recipe) for net in self.net.members)

    @classmethod
    def joined(cls, models: "Sequence[Model]") -> "Model":
        """Several models as one, which predicts the mean of their probabilities.

        An ensemble among them counts as its members, so that the mean is over all networks equally. Weights stay where
        they are in memory. The recipe is that of the first; of how objects are read from probabilities
        (`instances`), thresholds and temperature are the members' means, pixels their lower medians: a start where
        nothing else was fitted.

        Args:
            models: U-Nets with the same network, classes, channels and normalisation; one alone is given back.

        Raises:
            ModelError: none at all, a Mask R-CNN, the same file twice, or two that do not fit together.
        """
        if not models:
            raise ModelError("no model to join", remedy="give at least one")
        if len(models) == 1:
            return models[0]
        names = [str(model.file or f"model {number}") for number, model in enumerate(models, 1)]
        prints = [model.fingerprint for model in models]
        for name, own in zip(names, prints, strict=True):
            if own and prints.count(own) > 1:
                raise ModelError(f"{name} is given twice", remedy="give each model once")
        check_joinable([model.recipe for model in models], names)
        parts = [member for model in models for member in model.members]
        first = models[0].recipe
        recipe = first.model_copy(
            update={
                "network": first.network.model_copy(update={"members": len(parts)}),
                "instances": mean_of([part.recipe.instances for part in parts]),
                "reasons": {**first.reasons, "network.members": f"mean of {len(parts)} networks: {', '.join(names)}"},
            }
        )
        return cls(Ensemble([part.net for part in parts]).eval(), recipe, "+".join(prints) if all(prints) else "")

    @cached_property
    def family(self) -> Family:
        """What differs between U-Net and Mask R-CNN."""
        return family_of(self.recipe)

    def reading(self, values: InstanceRecipe | DetectionRecipe) -> "Model":
        """The same network with other parameters by which objects are read from its output."""
        part = "instances" if isinstance(values, InstanceRecipe) else "detections"
        return replace(self, recipe=self.recipe.model_copy(update={part: values}), fingerprint="")

    def save(self, path: Path) -> "Model":
        """Write the model file, whole or not at all; returns the model with the file's fingerprint."""
        example = self.test_input()
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.net.state_dict().items()}
        tensors |= {TEST_INPUT: example, TEST_OUTPUT: self._probe(example)}
        metadata = {
            "format": str(FORMAT),
            "recipe": self.recipe.model_dump_json(),
            "halo": json.dumps({"halo": self.halo.halo, "stride": self.halo.stride}),
        }
        content = serialise(tensors, metadata)
        with atomic(path) as temporary:
            temporary.write_bytes(content)
        return replace(self, fingerprint=hashlib.sha256(content).hexdigest(), file=path)

    @classmethod
    def load(cls, path: str | Path) -> "Model":
        """The model of a run folder or model file, checked against its test vector.

        Raises:
            ModelError: no such file, a damaged one, one of another format, or one that computes something else here.
        """
        file = find_model_file(Path(path))
        tensors, metadata = _read(file)
        if metadata.get("format") != str(FORMAT):
            raise ModelError(
                f"model format {metadata.get('format', 'unknown')}, this unmask reads {FORMAT}",
                file=file,
                remedy="install the unmask version that wrote it, or train again",
            )
        recipe = _read_recipe(metadata, file)
        example, expected = tensors.pop(TEST_INPUT, None), tensors.pop(TEST_OUTPUT, None)
        if isinstance(recipe.network, UNetRecipe) and recipe.network.members > len(tensors):  # or it would build them
            raise ModelError("its weights do not fit its recipe", file=file, remedy=COPY_AGAIN)
        model = cls(_without_weights(recipe), recipe, hashlib.sha256(file.read_bytes()).hexdigest(), file)
        try:
            model.net.load_state_dict(tensors, assign=True)
        except RuntimeError:
            raise ModelError("its weights do not fit its recipe", file=file, remedy=COPY_AGAIN) from None
        model.net.eval()
        if example is None or expected is None:
            raise ModelError("it has no test vector", file=file, remedy=COPY_AGAIN)
        worst = float((model._probe(example) - expected).abs().max())
        if not worst <= TOLERANCE * max(1.0, float(expected.abs().max())):
            raise ModelError(
                f"it does not compute its own test vector (largest difference {worst:.2g})",
                file=file,
                remedy=COPY_AGAIN,
            )
        return model

    @torch.inference_mode()
    def _probe(self, example: Tensor) -> Tensor:
        """What it makes of an example, on the CPU: a GPU's convolutions may be rounded to fewer bits."""
        return self.family.probe(copy.deepcopy(self.net).cpu().eval(), example).float().contiguous()

    def test_input(self) -> Tensor:
        """(1, channels, side, side), 0 to 1, always the same: two strides are written of it."""
        generator = torch.Generator().manual_seed(FORMAT)
        side = self.halo.input_for(2 * self.halo.stride)
        return torch.rand((1, self.recipe.data.channels, side, side), generator=generator)


def _without_weights(recipe: Recipe) -> nn.Module:
    """A network that takes no memory yet: a recipe that asks for a huge one cannot fill it."""
    with torch.device("meta"), _Unfilled():
        return family_of(recipe).build(recipe)


class _Unfilled(TorchFunctionMode):
    """Initialisers leave weights alone: without memory there is nothing to fill.

    Drawn on "meta", random numbers would load PyTorch's compiler: 1.2 s and 150 MB more.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """`torch.nn.init.normal_(tensor=...)` and its like give the tensor back; everything else is as it is."""
        given = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return given["tensor"]
        return func(*args, **given)


COPY_AGAIN = "copy the file again from where it was made, or train again"


def find_model_file(path: Path) -> Path:
    """The model file that `path` means: itself, or `model.safetensors` in a run folder.

    Raises:
        ModelError: there is none.
    """
    file = path / "model.safetensors" if path.is_dir() else path
    if file.is_file():
        return file
    if not path.exists():
        raise ModelError(
            "no such run folder or model file", file=path, remedy="type the --out folder of `unmask train`"
        )
    begun = any((path / name).exists() for name in ("last.ckpt", "folds.json", "curve.json"))
    remedy = f"resume it: unmask train DATA --out {path} --resume" if begun else None
    raise ModelError(
        "no model.safetensors in this folder", file=path, remedy=remedy or "give the --out of `unmask train`"
    )


def _read_recipe(metadata: dict[str, str], file: Path) -> Recipe:
    try:
        return parse(json.loads(metadata["recipe"]))
    except (KeyError, ValueError, TypeError):
        raise ModelError("it holds no recipe that can be read", file=file, remedy=COPY_AGAIN) from None
    except RecipeError as error:
        raise ModelError(f"{error.problem}", file=file, remedy="install the unmask version that wrote it") from None


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            return {name: opened.get_tensor(name) for name in opened.keys()}, metadata  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"not a readable model file ({error})", file=file, remedy=COPY_AGAIN) from None
