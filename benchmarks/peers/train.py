"""One tool: trained on a few annotated images for a wall time, then all test images segmented.

    python benchmarks/peers/train.py TOOL DATA --out OUT                       5 images, seed 0, 20 minutes
    python benchmarks/peers/train.py stardist dsb2018 --images 10 --seed 1 --minutes 5 --out OUT
    python benchmarks/peers/train.py monai dsb2018 --split-file FILE --out OUT

TOOL is one of otsu, monai, nnunet, stardist, yolo, unmask. DATA is a folder with images/, masks/ (label images) and
split.csv. The images are drawn from those that split.csv marks train; --split-file names them instead. The first run
of a tool makes its environment (docs/peers.md).

Writes OUT/data (links to the images, with their split.csv), OUT/labels/NAME.tif of the test images, OUT/timing.json,
and OUT/work, which is the tool's own. The wall time begins before the tool is imported and includes its preparation,
compilation and thresholds; the test images are segmented after it.
"""

import argparse
import importlib
import json
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from clock import Clock
from tools import TOOLS, Tool

sys.path.append(str(Path(__file__).resolve().parent.parent))
from environment import enter_environment


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description="train one tool on a few images")
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("data", type=Path, help="folder with images/, masks/ and split.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder, made anew")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--split-file", type=Path, help="CSV file with the columns name and split")
    chosen.add_argument("--images", type=int, default=5, help="annotated images, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the drawing and the training")
    parser.add_argument("--minutes", type=float, default=20, help="of wall time to train")
    typed = parser.parse_args()
    if typed.minutes <= 0:
        parser.error("--minutes: more than 0")
    return typed


def main() -> None:
    """Enter the environment, train, segment."""
    typed = arguments()
    tool = TOOLS[typed.tool]
    enter_environment(tool.environment, tool.requirements)
    clock = Clock(60 * typed.minutes)
    from images import draw, link_pairs, names_of, read_grey, read_pairs, read_split  # these and the tools' own
    from job import Job  # modules import what the environment alone may have

    split = read_split(typed.split_file or typed.data / "split.csv")
    split = split if typed.split_file else draw(split, typed.images, typed.seed)
    for old in ("labels", "work"):
        shutil.rmtree(typed.out / old, ignore_errors=True)
    (typed.out / "timing.json").unlink(missing_ok=True)
    data = typed.out / "data"
    link_pairs(typed.data, split, data)
    pairs = read_pairs(data, names_of(data, "train"))
    trained = importlib.import_module(tool.module).train(Job(pairs, clock, typed.seed, data, typed.out / "work"))
    spent = clock.spent
    for name in names_of(data, "test"):
        _write(typed.out / "labels" / f"{name}.tif", trained.segment(read_grey(data, name)))
    timing = {
        "tool": _title(tool),
        "images": {
            "train": len(pairs) - trained.validation,
            "val": trained.validation,
            "test": len(names_of(data, "test")),
        },
        "seed": typed.seed,
        "budget_minutes": typed.minutes,
        "minutes": round(spent / 60, 2),
        "predict_minutes": round((clock.spent - spent) / 60, 2),
        "steps": trained.steps,
        "facts": trained.facts,
        "versions": _versions(tool),
    }
    (typed.out / "timing.json").write_text(json.dumps(timing, indent=2) + "\n")
    print(json.dumps(timing))


def _write(file: Path, labels: object) -> None:
    from tifffile import imwrite

    file.parent.mkdir(parents=True, exist_ok=True)
    imwrite(file, labels, compression="zlib")


def _title(tool: Tool) -> str:
    return tool.title.format_map(_versions(tool))


def _versions(tool: Tool) -> Mapping[str, str]:
    return {"python": sys.version.split()[0], **{package: version(package) for package in tool.packages}}


if __name__ == "__main__":
    main()
