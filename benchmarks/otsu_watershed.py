"""The classical peer without training: Otsu's threshold, split by a watershed of the distance to the background.

    python benchmarks/otsu_watershed.py DATA OUT
    unmask evaluate OUT DATA --split test

Writes OUT/NAME.tif for the images that DATA's split.csv marks test, or for all where it has none.
"""

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.segmentation import watershed

from unmask.arrays import AnyArray
from unmask.data.folder import read_folder
from unmask.data.formats.images import write_labels

SMALLEST_DISTANCE = 5  # pixels between two seeds


def segment(image: AnyArray) -> AnyArray:
    """Label image of bright objects in a grey image (h, w)."""
    smooth = gaussian(image.astype(float), 1)
    mask = smooth > threshold_otsu(smooth)
    distance = gaussian(ndimage.distance_transform_edt(mask), 1)
    peaks = peak_local_max(distance, min_distance=SMALLEST_DISTANCE, labels=ndimage.label(mask)[0])
    seeds = np.zeros(image.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels: AnyArray = watershed(-distance, seeds, mask=mask)
    return labels


def main() -> None:
    """Segment every image."""
    data, out = read_folder(sys.argv[1]), Path(sys.argv[2])
    for name in data.names("test" if data.splits else None):
        write_labels(out / f"{name}.tif", segment(data.load(name).image.mean(axis=2)))


if __name__ == "__main__":
    main()
