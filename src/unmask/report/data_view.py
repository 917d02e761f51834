"""What the data were, as lines of a list."""

from collections import Counter
from collections.abc import Sequence

from unmask.data.dataset import Dataset
from unmask.data.formats.images import read_header
from unmask.report.run_folder import RunFolder

__all__ = ["data_lines", "plural"]

KINDS = {"objects": "objects, one id each", "classes": "classes, one value each", "binary": "foreground and background"}
# Up to as many sizes are listed.
MOST_SIZES = 4


def data_lines(run: RunFolder, dataset: Dataset | None) -> list[tuple[str, str]]:
    """Term and text of each line.

    Args:
        run: the run.
        dataset: its data, where they could be read.
    """
    data, reasons = run.recipe.data, run.recipe.reasons
    lines = [("Folder", data.path or "not recorded")]
    if dataset is not None:
        lines.append(("Images", f"{len(dataset):,}; {_sizes(dataset)}"))
    lines.append(
        (
            "Channels",
            f"{data.channels} ({reasons['data.channels']})" if "data.channels" in reasons else f"{data.channels}",
        )
    )
    lines.append(("Masks hold", KINDS[data.kind]))
    if decision := reasons.get("data.kind") or (dataset.decision if dataset else ""):
        lines.append(("How that was seen", decision))
    lines.append(("Classes", _classes(data.class_names, data.class_values)))
    size = f"{data.pixel_size[0]:.4g} x {data.pixel_size[1]:.4g} µm (height x width)" if data.pixel_size else ""
    lines.append(("Pixel size", size or "not in the files: sizes are in pixels"))
    lines.append(("Split", _split(run.split)))
    return lines


def plural(count: int, noun: str = "image") -> str:
    """1 image, 2 images, 1,000 images."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _sizes(dataset: Dataset) -> str:
    """Sizes of images, the most frequent first; where there are many, smallest and largest."""
    found = Counter(read_header(entry.image).size for entry in dataset.entries)
    if len(found) <= MOST_SIZES:
        counts = ", ".join(f"{h} x {w} ({plural(count)})" for (h, w), count in found.most_common())
        return (
            f"pixels (height x width): {counts}"
            if len(found) > 1
            else "each {} x {} pixels (height x width)".format(*next(iter(found)))
        )
    small, large = (pick(found, key=lambda size: size[0] * size[1]) for pick in (min, max))
    return f"{len(found)} sizes, from {small[0]} x {small[1]} to {large[0]} x {large[1]} pixels (height x width)"


def _classes(names: Sequence[str], values: Sequence[int]) -> str:
    if not values:
        return ", ".join(names)
    return ", ".join(f"{name} (value {value})" for name, value in zip(names, values, strict=True))


def _split(split: dict[str, list[str]]) -> str:
    test = f", {len(split['test'])} kept aside to test" if split["test"] else ", none kept aside to test"
    val = f"{len(split['val'])} to validate" if split["val"] else "none to validate"
    return f"{len(split['train'])} to train, {val}{test}"
