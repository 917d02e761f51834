from pathlib import Path

import numpy as np
import pytest
import torch

from unmask.data.streams.sinks import map_sink
from unmask.errors import PredictionError
from unmask.geometry.grid import Tile, mirror
from unmask.nets import UNet, derive_halo
from unmask.predict.seams import verify_seams, window_at
from unmask.predict.tiles import predict_probabilities, predict_window

SIZE = (150, 131)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_windows_anywhere_are_cut_from_the_whole(padding: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = UNet(1, 2, width=4, depth=2, padding=padding).eval().to(memory_format=torch.channels_last)  # type: ignore[arg-type]
    halo, device = derive_halo(net), torch.device("cpu")
    image = np.random.default_rng(0).normal(0, 1, (*SIZE, 1)).astype(np.float32)
    whole = predict_probabilities(net, image, halo, 48, device)

    def alone(tile: Tile) -> np.ndarray:
        places = [
            mirror(span.read_start, span.read_stop, n) for span, n in zip((tile.rows, tile.columns), SIZE, strict=True)
        ]
        return predict_window(net, image[np.ix_(*places)], tile, device)

    for start in ((0, 0), (33, 60), (149, 130), (90, 3)):
        tile = window_at(SIZE, start, 32, halo)
        part = whole[:, tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop]
        assert tile.rows.start <= start[0] < tile.rows.stop
        assert np.abs(alone(tile) - part).max() < 1e-5

    sink = map_sink(tmp_path / "maps.zarr", SIZE, (48, 48), 2)
    for index in sink.indices():
        rows, columns = sink.span(index)
        sink.write_block(index, whole[:, rows, columns])
    assert verify_seams(sink, halo, alone, windows=4).largest < 1e-5
    rows, columns = sink.span((1, 1))
    for index in sink.indices():
        rows, columns = sink.span(index)
        sink.write_block(index, np.roll(whole, 1, axis=2)[:, rows, columns])
    with pytest.raises(PredictionError, match=r"predicted alone, differs by .* Please report it"):
        verify_seams(sink, halo, alone, windows=4)
