"""The model file: self-contained, checked on load, nothing of it executed."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from unmask.errors import ModelError
from unmask.model import Model
from unmask.nets import UNet
from unmask.recipe import DataRecipe, Recipe, UNetRecipe


def small_model() -> Model:
    recipe = Recipe(network=UNetRecipe(width=3, depth=2, norm="batch"), data=DataRecipe(channels=2))
    return Model(UNet(2, 2, width=3, depth=2, norm="batch", padding="same", dropout=0.0).eval(), recipe)


def test_round_trip(tmp_path: Path) -> None:
    saved = small_model().save(tmp_path / "model.safetensors")
    loaded = Model.load(tmp_path)
    assert loaded.recipe == saved.recipe
    assert loaded.fingerprint == saved.fingerprint != ""
    assert all(torch.equal(a, b) for a, b in zip(loaded.net.parameters(), saved.net.parameters(), strict=True))
    assert not loaded.net.training


def test_metadata_say_all(tmp_path: Path) -> None:
    small_model().save(tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "1"
    assert json.loads(metadata["halo"]) == {"halo": 23, "stride": 4}
    recipe = json.loads(metadata["recipe"])
    assert recipe["data"]["class_names"] == ["object"]
    assert recipe["normalise"]["method"] == "percentile"


def test_weights_that_were_tampered_with_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    small_model().save(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors["head.weight"] = tensors["head.weight"] + 0.01
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match=r"m\.safetensors: it does not compute its own test vector \(largest differ"):
        Model.load(path)


@pytest.mark.parametrize("missing", ["test_vector.output", "head.bias"])
def test_tensors_that_are_missing(missing: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    small_model().save(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    del tensors[missing]
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match=r"it has no test vector|its weights do not fit its recipe"):
        Model.load(path)


def test_format_of_another_version(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "m.safetensors", {"format": "99"})
    with pytest.raises(
        ModelError, match=r"model format 99, this unmask reads 1\. Install the unmask version that wrote"
    ):
        Model.load(tmp_path / "m.safetensors")


class Bomb:
    """Pickle that would write a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "executed")))
    with pytest.raises(ModelError, match="not a readable model file"):
        Model.load(tmp_path)
    assert not (tmp_path / "executed").exists()


def test_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    small_model().save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"m\.safetensors: not a readable model file"):
        Model.load(path)


def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such run folder or model file\. Type the --out folder of `unmask train`"):
        Model.load(tmp_path / "nothing")
    with pytest.raises(ModelError, match=r"no model\.safetensors in this folder"):
        Model.load(tmp_path)
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(ModelError, match=r"no model\.safetensors in this folder\. Resume it: unmask train DATA --out"):
        Model.load(tmp_path)
