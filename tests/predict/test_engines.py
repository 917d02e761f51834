"""Engines beside the network in double precision, at any length, from threads; what is refused, what is chosen."""

import copy
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from unmask.errors import PredictionError
from unmask.family import family_of
from unmask.model import Model
from unmask.nets import UNet
from unmask.predict import engines, openvino_engine
from unmask.predict.engines import ENGINES, Engine, EngineName, choose_engine, open_engine, open_network
from unmask.recipe import DataRecipe, MaskRCNNRecipe, Recipe, UNetRecipe

CPU = torch.device("cpu")
PADDINGS = ("valid", "same")


def a_model(padding: str, norm: str = "batch") -> Model:
    """Random weights, width 4, depth 2, two channels; probabilities far from 0 and 1."""
    torch.manual_seed(7)
    network = UNetRecipe(width=4, depth=2, norm=norm, padding=padding)  # type: ignore[arg-type]
    net = UNet(2, 2, width=4, depth=2, norm=norm, padding=padding).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.uniform_(layer.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
                nn.init.uniform_(layer.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return Model(net, Recipe(network=network, data=DataRecipe(channels=2)))


def an_image(rows: int, columns: int) -> Tensor:
    return torch.rand((1, 2, rows, columns), generator=torch.Generator().manual_seed(rows * 1000 + columns))


def in_double(model: Model, batch: Tensor) -> np.ndarray:
    with torch.inference_mode():
        return copy.deepcopy(model.net).double()(batch.double()).softmax(1).numpy()


@pytest.fixture(scope="module", params=PADDINGS)
def openvino(request: pytest.FixtureRequest) -> tuple[Model, Engine]:
    model = a_model(request.param)
    return model, open_engine(model, CPU, "openvino")


@settings(max_examples=25)
@given(rows=st.integers(1, 120), columns=st.integers(1, 120))
def test_openvino_at_any_length(openvino: tuple[Model, Engine], rows: int, columns: int) -> None:
    model, engine = openvino
    batch = an_image(model.halo.input_for(rows), model.halo.input_for(columns))
    logits = engine(batch)
    assert logits.dtype == torch.float32
    np.testing.assert_allclose(logits.softmax(1).numpy(), in_double(model, batch), rtol=0, atol=1e-5)


def test_openvino_takes_a_permuted_window(openvino: tuple[Model, Engine]) -> None:
    """As tiles come: the channels of an (h, w, c) array moved to the front, not contiguous."""
    model, engine = openvino
    batch = an_image(model.halo.input_for(40), model.halo.input_for(24))
    permuted = batch.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert not permuted.is_contiguous()
    assert torch.equal(engine(permuted), engine(batch))


def test_openvino_results_are_their_own(openvino: tuple[Model, Engine]) -> None:
    model, engine = openvino
    batches = [an_image(model.halo.input_for(40 + 8 * n), model.halo.input_for(64)) for n in range(6)]
    kept = [engine(batch) for batch in batches]
    first = [logits.clone() for logits in kept]
    gc.collect()
    for batch in reversed(batches):
        engine(batch + 1)
    assert all(torch.equal(one, other) for one, other in zip(kept, first, strict=True))


@pytest.mark.parametrize("name", ["eager", "openvino", "bf16"])
def test_from_threads(name: EngineName) -> None:
    model = a_model("valid")
    engine = open_engine(model, CPU, name)
    batches = [an_image(model.halo.input_for(8 * n), model.halo.input_for(50)) for n in range(1, 13)]
    alone = [engine(batch) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(engine, batches))
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


def test_openvino_reports_to_nobody() -> None:
    open_engine(a_model("same"), CPU, "openvino")
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"


@pytest.mark.parametrize("padding", PADDINGS)
def test_eager_is_the_network(padding: str) -> None:
    model = a_model(padding)
    engine = open_engine(model, CPU, "eager")
    batch = an_image(model.halo.input_for(33), model.halo.input_for(70))
    np.testing.assert_allclose(engine(batch).softmax(1).numpy(), in_double(model, batch), rtol=0, atol=1e-5)
    assert engine.exact


def test_compiled_once_a_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the compiler's front alone: its own code would take half a minute."""
    compilations = []

    def counting(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> Callable[..., object]:
        compilations.append(graph)
        return graph.forward

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=counting))
    model = a_model("valid")
    engine = open_engine(model, CPU, "compile")
    assert len(compilations) == 1
    for size in ((64, 64), (16, 64), (64, 64), (16, 64)):
        batch = an_image(*(model.halo.input_for(side) for side in size))
        np.testing.assert_allclose(engine(batch).softmax(1).numpy(), in_double(model, batch), rtol=0, atol=1e-5)
    assert len(compilations) == 3


def test_bf16_is_near_and_not_exact() -> None:
    model = a_model("same")
    engine, batch = open_engine(model, CPU, "bf16"), model.test_input()
    difference = np.abs(engine(batch).softmax(1).numpy() - in_double(model, batch)).max()
    assert 1e-5 < difference < 2e-2
    assert not engine.exact
    assert engine(batch).dtype == torch.float32


def wrong(_net: nn.Module, _example: Tensor, factor: float) -> Callable[[Tensor], Tensor]:
    return lambda batch: _net(batch) * factor


@pytest.mark.parametrize("factor", [1.01, -1, float("nan")])
def test_an_engine_that_differs_is_refused(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "openvino_logits", partial(wrong, factor=factor))
    with pytest.raises(PredictionError, match=r"openvino differs from eager by \S+ in a probability.*--engine eager"):
        open_engine(a_model("same"), CPU, "openvino")


def test_openvino_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "has_openvino", lambda: False)
    with pytest.raises(PredictionError, match=r"not installed. Type pip install 'unmask\[openvino\]'"):
        open_engine(a_model("same"), CPU, "openvino")


def test_a_compiler_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_batch: Tensor) -> Tensor:
        raise RuntimeError("No working C++ compiler found\nand a page of details")

    monkeypatch.setattr(torch, "compile", lambda net, dynamic: broken)
    with pytest.raises(PredictionError, match=r"compile does not work here \(No working C\+\+ compiler found\)\. Type"):
        open_engine(a_model("same"), CPU, "compile")


def test_openvino_is_for_the_cpu() -> None:
    with pytest.raises(PredictionError, match="openvino computes on the CPU, not on cuda"):
        open_engine(a_model("same"), torch.device("cuda"), "openvino")


@pytest.fixture(scope="module")
def mask_rcnn() -> Model:
    recipe = Recipe(network=MaskRCNNRecipe())
    with torch.device("meta"):
        return Model(family_of(recipe).build(recipe), recipe)


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "eager"])
def test_mask_rcnn_has_eager_alone(mask_rcnn: Model, name: EngineName) -> None:
    with pytest.raises(
        PredictionError, match=rf"{name} is for U-Nets, this model is a Mask R-CNN. Type --engine eager"
    ):
        open_engine(mask_rcnn, torch.device("meta"), name)


def test_mask_rcnn_is_eager_unmeasured(mask_rcnn: Model) -> None:
    said: list[str] = []
    engine = choose_engine(mask_rcnn, torch.device("meta"), 10_000, 512, said.append)
    assert (engine.name, said) == ("eager", [])
    with pytest.raises(TypeError, match="no logits"):
        engine(torch.empty((1, 1, 64, 64), device="meta"))


Chosen = tuple[str, list[str]]


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, dict[str, float]], Chosen]:
    """Number of tiles and seconds that each engine takes for one, to the engine chosen and what was said."""

    def choose(tiles: int, seconds: dict[str, float]) -> Chosen:
        said: list[str] = []
        share = (batch_side() / 64) ** 2
        monkeypatch.setattr(engines, "_seconds", lambda engine, batch: share * seconds[engine.name])
        return choose_engine(a_model("same"), CPU, tiles, 64, said.append).name, said

    return choose


def batch_side() -> int:
    """Of the quarter of a tile that is measured."""
    return a_model("same").halo.input_for(32)


def test_few_tiles_are_not_measured(chosen: Callable[[int, dict[str, float]], Chosen]) -> None:
    assert chosen(3, {}) == ("eager", [])


def test_little_work_is_eager_s(chosen: Callable[[int, dict[str, float]], Chosen]) -> None:
    assert chosen(4, {"eager": 4.99}) == ("eager", [])


def test_the_faster_one_is_chosen(chosen: Callable[[int, dict[str, float]], Chosen]) -> None:
    said = "engine: openvino, 0.31 s a tile; eager 0.52 s"
    assert chosen(39, {"eager": 0.52, "openvino": 0.31}) == ("openvino", [said])
    said = "engine: eager, 1.1 s a tile; openvino 1.2 s"
    assert chosen(20, {"eager": 1.1, "openvino": 1.2}) == ("eager", [said])


def test_without_openvino_nothing_is_said(
    chosen: Callable[[int, dict[str, float]], Chosen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "has_openvino", lambda: False)
    assert chosen(1000, {"eager": 1.0}) == ("eager", [])


def test_an_engine_that_fails_is_left_out(
    chosen: Callable[[int, dict[str, float]], Chosen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "openvino_logits", partial(wrong, factor=-1))
    name, (said,) = chosen(1000, {"eager": 1.0})
    assert name == "eager"
    assert said.startswith("engine: openvino is left out, the engine openvino differs from eager by")


def test_compiling_is_for_long_work_on_gpus() -> None:
    cuda = torch.device("cuda")
    assert [engines._candidates(cuda, work) for work in (2399, 2400)] == [[], ["compile"]]
    assert engines._candidates(CPU, 1e6) == ["openvino"]


def test_the_network_without_padding_has_the_same_weights_in_the_same_memory() -> None:
    model = a_model("same")
    assert model.unpadded is not None  # asked for before an engine moves the weights
    network = open_network(model, open_engine(model, CPU, "eager"))
    assert isinstance(network.inner, Engine)
    mine, theirs = (dict(one.net.state_dict()) for one in (model, model.unpadded))
    assert {name: value.data_ptr() for name, value in mine.items()} == {
        name: value.data_ptr() for name, value in theirs.items()
    }
