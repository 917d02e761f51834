from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from unmask.data.streams.sinks import map_sink
from unmask.errors import PredictionError
from unmask.geometry.grid import Tile, mirror
from unmask.nets import UNet, derive_halo
from unmask.predict.probabilities import predict_probabilities
from unmask.predict.seams import verify_seams
from unmask.predict.tiles import Cutting, Network, window_at
from unmask.predict.tta import window_probabilities

SIZE = (150, 131)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_windows_anywhere_are_cut_from_the_whole(padding: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = UNet(1, 2, width=4, depth=2, padding=padding).eval().to(memory_format=torch.channels_last)  # type: ignore[arg-type]
    halo = derive_halo(net)
    image = np.random.default_rng(0).normal(0, 1, (*SIZE, 1)).astype(np.float32)
    whole, _ = predict_probabilities(Network(Cutting(halo), net), image, 48, 2)

    def alone(tile: Tile) -> np.ndarray:
        places = [
            mirror(span.read_start, span.read_stop, n) for span, n in zip((tile.rows, tile.columns), SIZE, strict=True)
        ]
        return window_probabilities(net, image[np.ix_(*places)], tile)

    for start in ((0, 0), (33, 60), (149, 130), (90, 3)):
        tile = window_at(SIZE, start, 32, halo)
        part = whole[:, tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop]
        assert tile.rows.start <= start[0] < tile.rows.stop
        assert np.abs(alone(tile) - part).max() < 1e-5

    def alone_last_first(tiles: Sequence[Tile]) -> list[tuple[int, np.ndarray]]:
        return [(number, alone(tile)) for number, tile in reversed([*enumerate(tiles)])]

    sink = map_sink(tmp_path / "maps.zarr", SIZE, (48, 48), 2)
    for index in sink.indices():
        rows, columns = sink.span(index)
        sink.write_block(index, whole[:, rows, columns])
    found = verify_seams(sink, halo, alone_last_first, (0.5, 2.0), tolerance=1e-5, windows=4)
    assert (found.windows, found.moved) == (4, 0)
    assert found.largest < 1e-5
    rows, columns = sink.span((1, 1))
    for index in sink.indices():
        rows, columns = sink.span(index)
        sink.write_block(index, np.roll(whole, 1, axis=2)[:, rows, columns])
    with pytest.raises(PredictionError, match=r"predicted alone, differs by .* Please report it"):
        verify_seams(sink, halo, alone_last_first, (0.5,), tolerance=1e-5, windows=4)


def test_pixels_that_move_over_a_threshold_are_counted(tmp_path: Path) -> None:
    sink = map_sink(tmp_path / "maps.zarr", (32, 32), (32, 32), 2)
    written = np.full((2, 32, 32), 0.5, np.float32)
    sink.write_block((0, 0), written)
    halo = derive_halo(UNet(1, 2, width=1, depth=1, padding="same"))

    def lower(tiles: Sequence[Tile]) -> list[tuple[int, np.ndarray]]:
        """One pixel is more of an object."""
        sizes = [(tile.rows.stop - tile.rows.start, tile.columns.stop - tile.columns.start) for tile in tiles]
        parts = [np.full((2, *size), 0.5, np.float32) for size in sizes]
        for part in parts:
            part[0, 0, 0] -= 1e-6
        return list(enumerate(parts))

    found = verify_seams(sink, halo, lower, (0.5, 0.5000005), tolerance=1e-5, windows=3)
    assert found.moved == 3
    assert found.largest == pytest.approx(1e-6, rel=0.1)
