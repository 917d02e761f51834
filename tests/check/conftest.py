"""Real images without looking at their whole data set."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from unmask.data.dataset import Dataset
from unmask.data.entry import Entry, MaskFile
from unmask.data.masks.coding import Coding
from unmask.data.sample import Sample


@pytest.fixture
def nuclei(shared_data: Path) -> Callable[[Sequence[str]], list[Sample]]:
    """Samples of DSB 2018 by the beginnings of their names."""
    root = shared_data / "dsb2018"

    def load(starts: Sequence[str]) -> list[Sample]:
        images = [next((root / "images").glob(f"{start}*.png")) for start in starts]
        entries = [Entry(file.stem, file, MaskFile(root / "masks" / f"{file.stem}.tif")) for file in images]
        return list(Dataset(root, tuple(entries), 1, Coding("objects", (), "")))

    return load
