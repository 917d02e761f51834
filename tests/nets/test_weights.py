"""What training starts from computes what it computed where it comes from, or is refused with a reason."""

import argparse
import hashlib
import pickle
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.models import get_model
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.misc import FrozenBatchNorm2d

from unmask.errors import ModelError
from unmask.nets import weights
from unmask.nets.backbone import Backbone
from unmask.nets.weights import current_names, load_weights, share_colours

LAYERS = {f"layer{number}": f"c{number + 1}" for number in range(1, 5)}
WIDTH = 8
# 100 of ResNet-18 without its classifier and counters, 16 of the pyramid, 6 + 4 + 4 + 8 + 2 + 2 of the heads.
ALL = 142


class Net(nn.Module):
    """The names of a Mask R-CNN's parameters; the heads are torchvision's."""

    def __init__(
        self, name: str = "resnet18", *, channels: int = 3, classes: int = 3, norm: str = "frozen", width: int = WIDTH
    ) -> None:
        super().__init__()
        self.backbone = Backbone(name, channels=channels, width=width, norm=norm)
        self.rpn, self.roi_heads = nn.Module(), nn.Module()
        self.rpn.head = RPNHead(width, 3)
        self.roi_heads.box_head = TwoMLPHead(width * 49, 16)
        self.roi_heads.box_predictor = FastRCNNPredictor(16, classes)
        self.roi_heads.mask_head = MaskRCNNHeads(width, (width,) * 4, 1)
        self.roi_heads.mask_predictor = MaskRCNNPredictor(width, width, classes)
        self.eval()


def blank(name: str = "resnet18", **choices: Any) -> Net:
    """A network of zeros: random numbers take longer than the tests."""
    with torch.device("meta"):
        net = Net(name, **choices)
    net.to_empty(device="cpu")
    for value in net.state_dict().values():
        value.zero_()
    return net


def copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a state dict holds at this time."""
    return {name: value.clone() for name, value in tensors.items()}


def trained(net: nn.Module) -> dict[str, Tensor]:
    """A state dict whose norms have other constants than 1 and 0, as after training."""
    for name, value in net.state_dict().items():
        if name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight")):
            value.uniform_(0.5, 1.0)
        elif name.endswith(("running_mean", "bias")):
            value.normal_(0, 0.1)
    return copied(net.state_dict())


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _no_files_left(tmp_path: Path) -> Iterator[None]:
    """Weights are large, and pytest keeps what three runs wrote."""
    yield
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def resnet18() -> dict[str, Tensor]:
    """State dict of torchvision's ResNet-18, with classifier; not to be changed."""
    torch.manual_seed(1)
    return trained(get_model("resnet18", weights=None))


@pytest.fixture(scope="module")
def detector() -> dict[str, Tensor]:
    """State dict of a detector of three classes; not to be changed."""
    torch.manual_seed(2)
    return trained(Net())


@pytest.fixture(scope="module")
def resnet18_file(resnet18: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a file; not to be changed."""
    file = tmp_path_factory.mktemp("files") / "some.safetensors"
    save_file(resnet18, file)
    return file


@pytest.fixture(scope="module")
def detector_file(detector: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a file; not to be changed."""
    file = tmp_path_factory.mktemp("files") / "some.safetensors"
    save_file(detector, file)
    return file


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Tensors to a file of them."""

    def write(tensors: dict[str, Tensor], name: str = "some.safetensors") -> Path:
        if name.endswith(".safetensors"):
            save_file(tensors, tmp_path / name)
        else:
            torch.save(tensors, tmp_path / name)
        return tmp_path / name

    return write


def maps(tensors: dict[str, Tensor], image: Tensor, norm_layer: Callable[..., nn.Module] = nn.BatchNorm2d) -> Tensor:
    """C2 to C5 of torchvision's ResNet-18 with these weights, end to end."""
    with torch.device("meta"):
        net = get_model("resnet18", weights=None, norm_layer=norm_layer).eval()
    net.load_state_dict(tensors, assign=True)
    with torch.no_grad():
        return flat(IntermediateLayerGetter(net, LAYERS)(image).values())


def flat(levels: object) -> Tensor:
    """All values of some maps."""
    return torch.cat([level.flatten() for level in levels])


@torch.no_grad()
def seen(net: Net, image: Tensor) -> Tensor:
    """C2 to C5 of the network, end to end."""
    return flat(net.backbone.body(image))


def test_none() -> None:
    """Nothing is touched."""
    net = blank()
    before = copied(net.state_dict())
    assert load_weights(net, "none", 3) == "No weights were loaded: the network starts at random."
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize(("name", "norm"), [("a.safetensors", "frozen"), ("a.pth", "batch"), ("a.pt", "frozen")])
def test_resnet(resnet18: dict[str, Tensor], written: Callable[..., Path], name: str, norm: str) -> None:
    """A ResNet's file fills the body and nothing else; its maps are torchvision's."""
    net = blank(norm=norm)
    before = copied(net.state_dict())
    assert load_weights(net, str(written(resnet18, name)), 3) == f"ResNet-18 from {name}: 100 tensors."
    image = torch.randn(1, 3, 40, 50)
    torch.testing.assert_close(seen(net, image), maps(resnet18, image), rtol=0, atol=1e-5)
    for key, value in net.state_dict().items():
        assert value.dtype in (torch.float32, torch.int64)
        assert key.startswith("backbone.body.") or torch.equal(value, before[key])


def test_half_precision_and_no_counters(resnet18: dict[str, Tensor], written: Callable[..., Path]) -> None:
    """float16 files, with or without num_batches_tracked, fill float32 networks."""
    half = {name: value.half() for name, value in resnet18.items() if "tracked" not in name}
    net = blank(norm="batch")
    assert "100 tensors" in load_weights(net, str(written(half)), 3)
    image = torch.randn(1, 3, 32, 32)
    counters = {name: value for name, value in resnet18.items() if "tracked" in name}
    wanted = maps({name: value.float() for name, value in half.items()} | counters, image)
    torch.testing.assert_close(seen(net, image), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("key", ["model", "state_dict"])
def test_checkpoints(resnet18: dict[str, Tensor], tmp_path: Path, key: str) -> None:
    """A state dict may lie inside a checkpoint, beside the optimiser."""
    torch.save({key: resnet18, "epoch": 3, "optimizer": {"lr": 0.1}}, tmp_path / "checkpoint.pth")
    assert "100 tensors" in load_weights(blank(), str(tmp_path / "checkpoint.pth"), 3)


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_other_channels(resnet18: dict[str, Tensor], resnet18_file: Path, channels: int) -> None:
    """A grey image gives what it gave in colour."""
    how = "summed for 1 channel" if channels == 1 else f"summed and divided among {channels} channels"
    net = blank(channels=channels)
    sentence = load_weights(net, str(resnet18_file), channels)
    assert sentence == f"ResNet-18 from some.safetensors: 100 tensors; the first convolution's colours were {how}."
    grey = torch.randn(1, 1, 40, 50)
    found, wanted = seen(net, grey.expand(-1, channels, -1, -1)), maps(resnet18, grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def test_share_colours_by_hand() -> None:
    """1 + 2 + 6 = 9: all of it for one channel, 4.5 each for two; untouched for three."""
    weight = torch.tensor([1.0, 2.0, 6.0]).reshape(1, 3, 1, 1)
    assert share_colours(weight, 1).flatten().tolist() == [9.0]
    assert share_colours(weight, 2).flatten().tolist() == [4.5, 4.5]
    assert share_colours(weight, 3) is weight


def test_channels_of_the_file(resnet18: dict[str, Tensor], written: Callable[..., Path]) -> None:
    """A file for as many channels as the images have is taken as it is."""
    first = torch.randn(64, 2, 7, 7)
    net = blank(channels=2)
    sentence = load_weights(net, str(written(resnet18 | {"conv1.weight": first})), 2)
    assert sentence == "ResNet-18 from some.safetensors: 100 tensors."
    assert torch.equal(net.backbone.body.conv1.weight, first)


def folded(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Convolutions that have taken in the norm after them, as torch folds them."""
    result: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if value.ndim != 4:
            continue
        layer = name.removesuffix(".weight")
        norm = layer[:-1] + "1" if "downsample" in layer else layer.replace("conv", "bn")
        mean, variance, scale, bias = (
            tensors[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        result[name], result[f"{layer}.bias"] = fuse_conv_bn_weights(value, None, mean, variance, 1e-5, scale, bias)
    return result | {name: value for name, value in tensors.items() if name.startswith("fc.")}


@pytest.mark.parametrize("norm", ["frozen", "batch"])
def test_folded_norms(resnet18: dict[str, Tensor], written: Callable[..., Path], norm: str) -> None:
    """Norms that were folded into the convolutions come back as ones that only add."""
    net = blank(norm=norm)
    file = written({name: value.detach() for name, value in folded(resnet18).items()})
    assert "100 tensors" in load_weights(net, str(file), 3)
    image = torch.randn(1, 3, 40, 50)
    torch.testing.assert_close(seen(net, image), maps(resnet18, image), rtol=0, atol=1e-4)


@pytest.mark.parametrize("eps", [0.0, 1e-5])
def test_epsilon_of_the_file(
    resnet18: dict[str, Tensor],
    written: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    eps: float,
) -> None:
    """Known files were trained without epsilon: with variances near it the maps would be others."""
    tiny = {
        name: value * 1e-5 if name.endswith(("running_var", "running_mean")) else value
        for name, value in resnet18.items()
        if "tracked" not in name
    }
    file = written(tiny)
    if eps == 0:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        monkeypatch.setattr(weights, "WITHOUT_EPS", (f"https://nowhere/detector-{digest[:8]}.pth",))
    net, image = blank(), torch.randn(1, 3, 32, 32) * 1e-3
    load_weights(net, str(file), 3)
    found = seen(net, image)
    same = maps(tiny, image, partial(FrozenBatchNorm2d, eps=eps))
    other = maps(tiny, image, partial(FrozenBatchNorm2d, eps=1e-5 - eps))
    torch.testing.assert_close(found, same, rtol=1e-3, atol=float(same.abs().max()) * 1e-4)
    assert (same - other).abs().max() > 0.1 * same.abs().max()


def test_known_files() -> None:
    """Addresses end with a checksum, and there is one for every backbone."""
    assert set(weights.PUBLISHED) == {"resnet18", "resnet34", "resnet50", "resnet101"}
    assert weights.PUBLISHED["resnet50"].endswith("/resnet50-0676ba61.pth")
    assert [url.rsplit("/", 1)[1] for url in weights.WITHOUT_EPS] == [
        "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
        "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth",
    ]


def test_whole_detector(detector: dict[str, Tensor], written: Callable[..., Path]) -> None:
    """Every tensor of a network that is alike."""
    net = blank()
    sentence = load_weights(net, str(written(detector, "cells.pth")), 3)
    assert sentence == f"Detector with ResNet-18 from cells.pth: {ALL} tensors."
    assert all(torch.equal(value, detector[name]) for name, value in net.state_dict().items())


def test_other_classes(detector: dict[str, Tensor], detector_file: Path) -> None:
    """Predictors of other classes, and the sum of the colours, are named."""
    net = blank(classes=7, channels=1)
    before = copied(net.state_dict())
    assert load_weights(net, str(detector_file), 1) == (
        f"Detector with ResNet-18 from some.safetensors: {ALL - 6} tensors; left as they were: class and box predictor "
        "(other shapes), mask predictor (other shapes); the first convolution's colours were summed for 1 channel."
    )
    left = ("roi_heads.box_predictor.", "roi_heads.mask_predictor.mask_fcn_logits.")
    for name, value in net.state_dict().items():
        if name != "backbone.body.conv1.weight":
            assert torch.equal(value, (before if name.startswith(left) else detector)[name]), name


def test_other_width(detector: dict[str, Tensor], detector_file: Path) -> None:
    """A pyramid of another width leaves the ResNet."""
    net = blank(width=12)
    sentence = load_weights(net, str(detector_file), 3)
    assert "Detector with ResNet-18 from some.safetensors: 104 tensors; left as they were: feature pyramid" in sentence
    assert sentence.count("(other shapes)") == 8
    assert torch.equal(net.backbone.body.conv1.weight, detector["backbone.body.conv1.weight"])


def test_without_masks(detector: dict[str, Tensor], detector_file: Path, written: Callable[..., Path]) -> None:
    """Faster R-CNN's file has no mask head, and a network without one asks for none."""
    boxes = {name: value for name, value in detector.items() if "mask" not in name}
    sentence = load_weights(blank(), str(written(boxes)), 3)
    words = "mask head (not in the file), mask enlargement (not in the file), mask predictor (not in the file)"
    assert sentence.endswith(f": {ALL - 12} tensors; left as they were: {words}.")
    net = blank()
    del net.roi_heads.mask_head, net.roi_heads.mask_predictor
    assert load_weights(net, str(detector_file), 3).endswith(f": {ALL - 12} tensors.")


def test_pyramid_with_norms(detector: dict[str, Tensor], written: Callable[..., Path]) -> None:
    """A part with layers that the network has no place for is not taken by halves."""
    more = {f"backbone.fpn.inner_blocks.0.1.{part}": torch.ones(WIDTH) for part in ("weight", "bias")}
    net = blank()
    before = copied(net.backbone.fpn.state_dict())
    assert "left as they were: feature pyramid (other shapes)." in load_weights(net, str(written(detector | more)), 3)
    assert all(torch.equal(value, before[name]) for name, value in net.backbone.fpn.state_dict().items())


def old_name(name: str) -> str:
    """As torchvision called a tensor until version 0.12; its published files still do."""
    for part in ("inner_blocks", "layer_blocks"):
        for number in range(4):
            name = name.replace(f"fpn.{part}.{number}.0.", f"fpn.{part}.{number}.")
    for number in range(4):
        name = name.replace(f"mask_head.{number}.0.", f"mask_head.mask_fcn{number + 1}.")
    return name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")


def test_old_names(detector: dict[str, Tensor], written: Callable[..., Path]) -> None:
    """Names of older versions, which torchvision's own modules read as well."""
    old = {old_name(name): value for name, value in detector.items()}
    assert len(set(old) - set(detector)) == 16 + 2 + 8
    references = {
        "backbone.fpn.": FeaturePyramidNetwork([64, 128, 256, 512], WIDTH),
        "rpn.head.": RPNHead(WIDTH, 3),
        "roi_heads.mask_head.": MaskRCNNHeads(WIDTH, (WIDTH,) * 4, 1),
    }
    for prefix, reference in references.items():
        reference.load_state_dict({n.removeprefix(prefix): v for n, v in old.items() if n.startswith(prefix)})
        for name, value in reference.state_dict().items():
            assert torch.equal(value, current_names(old)[prefix + name])
    net = blank()
    assert load_weights(net, str(written(old)), 3).endswith(f": {ALL} tensors.")
    assert all(torch.equal(value, detector[name]) for name, value in net.state_dict().items())


def test_model_file(detector: dict[str, Tensor], tmp_path: Path) -> None:
    """A model file of this package, or the run folder that it lies in."""
    vector = {"test_vector.input": torch.rand(1, 3, 64, 64), "test_vector.output": torch.rand(9)}
    save_file(detector | vector, tmp_path / "model.safetensors", {"format": "1", "recipe": "{}"})
    for source in (tmp_path / "model.safetensors", tmp_path):
        net = blank()
        sentence = load_weights(net, str(source), 3)
        assert sentence == f"Detector with ResNet-18 from model.safetensors: {ALL} tensors."
        assert all(torch.equal(value, detector[name]) for name, value in net.state_dict().items())


def test_home(resnet18: dict[str, Tensor], written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """~ is the home folder."""
    monkeypatch.setenv("HOME", str(written(resnet18).parent))
    assert "100 tensors" in load_weights(blank(), "~/some.safetensors", 3)


@pytest.mark.parametrize(("name", "title"), [("resnet34", "ResNet-34"), ("resnet50", "ResNet-50")])
def test_wrong_depth(
    resnet18: dict[str, Tensor], resnet18_file: Path, written: Callable[..., Path], name: str, title: str
) -> None:
    """Deeper or shallower: the message names both and what to type; the network stays as it was."""
    net = blank(name)
    before = copied(net.state_dict())
    with pytest.raises(ModelError) as caught:
        load_weights(net, str(resnet18_file), 3)
    assert str(caught.value).endswith(
        f"some.safetensors: these weights are of a ResNet-18, and the network has a {title}. "
        f"Use --set network.backbone=resnet18, or weights of a {title}."
    )
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    shapes = {key: value.shape for key, value in blank(name).backbone.body.state_dict().items()}
    deeper = {key: torch.zeros(shape, dtype=torch.float16) for key, shape in shapes.items()}
    with pytest.raises(ModelError, match=f"these weights are of a {title}, and the network has a ResNet-18"):
        load_weights(blank(), str(written(deeper)), 3)


def test_no_resnet(resnet18: dict[str, Tensor], written: Callable[..., Path]) -> None:
    """Another network, and a ResNet of other widths."""
    for other in ({"down.0.0.weight": torch.zeros(4, 3, 3, 3)}, resnet18 | {"extra.weight": torch.zeros(1, 1, 1, 1)}):
        with pytest.raises(ModelError, match=r"no weights of a ResNet-18 in it. Use a torchvision state dict of resn"):
            load_weights(blank(), str(written(other)), 3)


def test_missing_tensor(resnet18: dict[str, Tensor], written: Callable[..., Path]) -> None:
    """A norm that lacks something, or has another width."""
    short = {name: value for name, value in resnet18.items() if name != "layer2.0.bn1.running_mean"}
    for wrong in (short, short | {"layer2.0.bn1.running_mean": torch.zeros(3)}):
        with pytest.raises(ModelError, match=r"its layer2.0.bn1.running_mean is missing or of another shape"):
            load_weights(blank(), str(written(wrong)), 3)


def test_no_such_file(tmp_path: Path) -> None:
    """A word that is none of the three is a file's path; a folder must hold a model."""
    with pytest.raises(ModelError, match=r"imagnet: no such file of weights. Use imagenet, coco, none or a file's pa"):
        load_weights(blank(), "imagnet", 3)
    with pytest.raises(ModelError, match=r"model.safetensors: no such file of weights"):
        load_weights(blank(), str(tmp_path), 3)


class Harmful:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        """What unpickling calls."""
        return Path.mkdir, (self.folder,)


def test_refused_pickles(tmp_path: Path) -> None:
    """What needs more than tensors is not run, and the message says how to get at the tensors."""
    torch.save({"model": {}, "args": argparse.Namespace(lr=1)}, tmp_path / "checkpoint.pth")
    with pytest.raises(ModelError, match=r"it holds more than tensors \(argparse.Namespace\) and was not opened") as it:
        load_weights(blank(), str(tmp_path / "checkpoint.pth"), 3)
    assert "torch.save(x['model'], NEW_FILE)" in str(it.value)
    torch.save({"conv1.weight": Harmful(tmp_path / "harm")}, tmp_path / "zip.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Harmful(tmp_path / "harm")))
    for name in ("zip.pth", "plain.pth"):
        with pytest.raises(ModelError):
            load_weights(blank(), str(tmp_path / name), 3)
    assert not (tmp_path / "harm").exists()


def test_damaged_files(resnet18: dict[str, Tensor], written: Callable[..., Path], tmp_path: Path) -> None:
    """Cut short, empty, text: one message."""
    files = [written(resnet18), written(resnet18, "some.pth")]
    for file in files:
        file.write_bytes(file.read_bytes()[:100_000])
    for name, content in (("empty.pth", b""), ("empty.safetensors", b""), ("text.pt", b"hello there, not weights")):
        (tmp_path / name).write_bytes(content)
        files.append(tmp_path / name)
    for file in files:
        with pytest.raises(ModelError, match=rf"{file.name}: no readable weights. Copy or download it again"):
            load_weights(blank(), str(file), 3)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"lr": 0.1}, {"model": {"epoch": 3}}, torch.zeros(2)])
def test_no_state_dict(tmp_path: Path, content: object) -> None:
    """A file of something else."""
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ModelError, match=r"other.pt: it is no state dict: names and tensors"):
        load_weights(blank(), str(tmp_path / "other.pt"), 3)


class Site(NamedTuple):
    """A place of published files, and torch's cache of what was downloaded from it."""

    folder: Path
    address: str
    cache: Path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder that a local server serves."""
    (tmp_path / "site").mkdir()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site")))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield Site(tmp_path / "site", address, tmp_path / "torch" / "hub" / "checkpoints")
    server.shutdown()
    server.server_close()
    thread.join()


def publish(tensors: dict[str, Tensor], site: Site, checksum: str = "") -> str:
    """The address of a file whose name ends with its checksum, or with a wrong one."""
    file = site.folder / "new.pth"
    torch.save(tensors, file)
    name = f"resnet-{checksum or hashlib.sha256(file.read_bytes()).hexdigest()[:8]}.pth"
    file.rename(site.folder / name)
    return f"{site.address}/{name}"


def test_download(resnet18: dict[str, Tensor], site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloaded once; the second time the file in the cache is enough."""
    url, image = publish(resnet18, site), torch.randn(1, 3, 32, 32)
    monkeypatch.setitem(weights.PUBLISHED, "resnet18", url)
    name = url.rsplit("/", 1)[1]
    for _ in range(2):
        net = blank()
        assert load_weights(net, "imagenet", 3) == f"ResNet-18 from {name}: 100 tensors."
        torch.testing.assert_close(seen(net, image), maps(resnet18, image), rtol=0, atol=1e-5)
        assert [file.name for file in site.cache.iterdir()] == [name]
        (site.folder / name).unlink(missing_ok=True)


def test_coco(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchvision's detector is published by another address, with names of old and norms without epsilon."""
    torch.manual_seed(3)
    published = {old_name(key): value.half() for key, value in trained(blank("resnet50", classes=91)).items()}
    url = publish(published, site)
    monkeypatch.setattr(weights, "COCO", url)
    monkeypatch.setattr(weights, "WITHOUT_EPS", (url,))
    net = blank("resnet50")
    sentence = load_weights(net, "coco", 3)
    assert "Detector with ResNet-50 from resnet-" in sentence
    assert "left as they were: class and box predictor (other shapes), mask predictor (other shapes)." in sentence
    bias = published["backbone.fpn.inner_blocks.2.bias"].float()
    assert torch.equal(net.backbone.fpn.inner_blocks[2][0].bias, bias)
    scale, variance = (published[f"backbone.body.bn1.{part}"].double() for part in ("weight", "running_var"))
    body = net.backbone.body.bn1
    torch.testing.assert_close((body.weight / (body.running_var + body.eps).sqrt()).double(), scale / variance.sqrt())


def test_coco_is_a_resnet50() -> None:
    """Said before anything is downloaded."""
    with pytest.raises(ModelError, match=r"the coco weights are of a ResNet-50, and the network has a ResNet-18. Use"):
        load_weights(blank(), "coco", 3)


def refused(site: Site) -> str:
    """The message of a download that fails; nothing is left in the cache, and the remedy says where to put it."""
    with pytest.raises(ModelError) as caught:
        load_weights(blank(), "imagenet", 3)
    url = weights.PUBLISHED["resnet18"]
    assert not list(site.cache.iterdir())
    place = site.cache / url.rsplit("/", 1)[1]
    remedy = (
        f"Download {url} by hand to {place}, or use --set network.weights=FILE, or none with --set network.norm=batch."
    )
    assert str(caught.value).endswith(remedy)
    return caught.value.problem


def test_wrong_checksum(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the file that its name promises."""
    monkeypatch.setitem(weights.PUBLISHED, "resnet18", publish({"a": torch.zeros(1)}, site, checksum="0123abcd"))
    assert 'invalid hash value (expected "0123abcd"' in refused(site)


def test_not_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such file there."""
    monkeypatch.setitem(weights.PUBLISHED, "resnet18", f"{site.address}/resnet18-0123abcd.pth")
    assert refused(site) == "the weights could not be downloaded (HTTP Error 404: File not found)"


def test_no_connection(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens: as without internet."""
    monkeypatch.setitem(weights.PUBLISHED, "resnet18", "http://127.0.0.1:9/resnet18-0123abcd.pth")
    assert "the weights could not be downloaded (<urlopen error" in refused(site)


def test_damaged_cache(resnet18: dict[str, Tensor], site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was put there by hand is compared as well."""
    url = publish(resnet18, site)
    monkeypatch.setitem(weights.PUBLISHED, "resnet18", url)
    site.cache.mkdir(parents=True)
    (site.cache / url.rsplit("/", 1)[1]).write_bytes(b"half of it")
    with pytest.raises(
        ModelError, match=r"pth: its checksum is not the one in its name. Delete it, then download http"
    ):
        load_weights(blank(), "imagenet", 3)


def test_real_weights(shared_data: Path) -> None:
    """ImageNet's, in float16: maps are torchvision's."""
    file = shared_data / "weights" / "resnet18_imagenet.safetensors"
    net, image = blank(), torch.randn(1, 3, 64, 64)
    assert load_weights(net, str(file), 3) == "ResNet-18 from resnet18_imagenet.safetensors: 100 tensors."
    tensors = {name: value.float() for name, value in load_file(file).items()}
    wanted = maps(tensors, image)
    torch.testing.assert_close(seen(net, image), wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))
    with pytest.raises(ModelError, match="these weights are of a ResNet-50, and the network has a ResNet-18"):
        load_weights(blank(), str(shared_data / "weights" / "resnet50_imagenet.safetensors"), 3)
