"""Is it worth annotating what `unmask suggest` suggests, rather than crops drawn at random?

    python benchmarks/suggest.py phantom --out DIR --seeds 0 1 2
    python benchmarks/suggest.py dsb2018 --data /work/shared/data/dsb2018 --out DIR --seeds 0 1 2

For each seed: a few images drawn at random are the annotated ones. A network is trained on them and looks at a pool of
other images. Then crops worth some images more are added, drawn at random or suggested by each score, always from the
same pool with the same number and size, and a network is trained on all of it from scratch, with the same seed, steps
and validation images. Scored on test images that none has seen: AP at IoU .5, and its mean over .5 to .95.
Results go to DIR/DATA.json after each seed. Set OMP_NUM_THREADS to the cores it may have.
"""

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmask.arrays import AnyArray, LabelImage
from unmask.data.folder import read_folder
from unmask.data.formats.images import write_image, write_labels
from unmask.data.phantom import Phantom
from unmask.data.sample import Sample
from unmask.geometry.labels import relabel
from unmask.metrics.arrays import evaluate
from unmask.predict.disagreement import Copies
from unmask.predict.predictor import load
from unmask.predict.suggest import Crop, choose, crops_of
from unmask.predict.trouble import SCORES, Look, look
from unmask.training.run import train

PHANTOM_SIDE = 256


@dataclass(frozen=True)
class Part:
    """An annotated image, or a part of one, under a name of its own."""

    name: str
    sample: Sample
    window: tuple[slice, slice] = np.s_[:, :]


def main() -> None:
    """Run every seed, and print the means."""
    wanted = _arguments()
    out, rows = wanted.out / f"{wanted.data_set}.json", []
    for seed in wanted.seeds:
        rows.append(one_seed(wanted, seed))
        settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(wanted).items()}
        out.write_text(json.dumps({"settings": settings, "seeds": rows}, indent=1) + "\n")
    print(
        f"\n{wanted.data_set}: AP at IoU .5 and mean AP on test images; gain over random crops, mean +- standard error"
    )
    for arm in rows[0]["arms"]:
        print(f"{arm:>12}", *(_told(rows, arm, key) for key in ("ap_50", "mean_ap")))


def one_seed(wanted: argparse.Namespace, seed: int) -> dict[str, object]:
    """Trains the start and every arm; gives their scores."""
    random = np.random.default_rng(seed)
    folder = wanted.out / f"{wanted.data_set}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    start, val, pool, test = _images(wanted, random)
    began = time.monotonic()
    first = [Part(sample.name, sample) for sample in start]
    score = _trained(wanted, folder / "start", first, val, test, seed)
    arms = {"start": score}
    print(f"seed {seed}: start {score}", flush=True)
    copies = Copies(load(folder / "start" / "run", "cpu"))
    looks = [look(copies, sample) for sample in pool]
    pixels = np.median([sample.size[0] * sample.size[1] for sample in start])
    count = max(1, round(wanted.worth * pixels / wanted.size**2))
    most = 2 * -(-count // len(pool))
    samples = {sample.name: sample for sample in pool}
    chosen = {}
    for arm in wanted.arms:
        crops = (
            _random(looks, wanted.size, count, most, random)
            if arm == "random"
            else _chosen(arm, looks, wanted, count, most)
        )
        parts = [Part(crop.name, samples[crop.image], crop.window) for crop in crops]
        arms[arm] = _trained(wanted, folder / arm, first + parts, val, test, seed)
        chosen[arm] = [crop.name for crop in crops]
        print(f"seed {seed}: {arm} {arms[arm]}, {time.monotonic() - began:.0f} s", flush=True)
    return {"seed": seed, "crops": count, "arms": arms, "chosen": chosen, "minutes": (time.monotonic() - began) / 60}


def _chosen(arm: str, looks: Sequence[Look], wanted: argparse.Namespace, count: int, most: int) -> list[Crop]:
    """Crops by a score; `SCORE-alone` takes the highest, however alike."""
    score = arm.removesuffix("-alone")
    offered = [crop for found in looks for crop in crops_of(found, wanted.size, score, most)]
    if arm == score:
        return choose(offered, count)
    return sorted(offered, key=lambda crop: -crop.score)[:count]


def _random(looks: Sequence[Look], size: int, count: int, most: int, random: np.random.Generator) -> list[Crop]:
    """Crops of random images at random places, that do not overlap."""
    crops: list[Crop] = []
    for _ in range(1000 * count):
        if len(crops) == count:
            return crops
        sample = looks[random.integers(len(looks))].prediction.sample
        sides = [min(size, length) for length in sample.size]
        y, x = (int(random.integers(length - side + 1)) for length, side in zip(sample.size, sides, strict=True))
        same = [one for one in crops if one.image == sample.name]
        if len(same) < most and not any(abs(one.y - y) < sides[0] and abs(one.x - x) < sides[1] for one in same):
            crops.append(Crop(sample.name, y, x, *sides, 0.0, "random", ()))
    raise SystemExit(f"{count} crops of {size} pixels do not fit the pool: give a larger --pool")


def _trained(
    wanted: argparse.Namespace,
    folder: Path,
    parts: Sequence[Part],
    val: Sequence[Sample],
    test: Sequence[Sample],
    seed: int,
) -> dict[str, float]:
    """Trains on parts of images and scores the test images."""
    lines = ["name,split"]
    for part, split in [*((part, "train") for part in parts), *((Part(one.name, one), "val") for one in val)]:
        write_image(folder / "data" / "images" / f"{part.name}.tif", part.sample.image[part.window])
        write_labels(folder / "data" / "masks" / f"{part.name}.tif", relabel(_objects(part.sample)[part.window]))
        lines.append(f"{part.name},{split}")
    (folder / "data" / "split.csv").write_text("\n".join(lines) + "\n")
    settings = [
        f"network.width={wanted.width}",
        f"network.depth={wanted.depth}",
        f"schedule.tile={wanted.tile}",
        f"schedule.batch={wanted.batch}",
        f"schedule.precision={wanted.precision}",
        f"schedule.seed={seed}",
        "schedule.validations=2",
    ]
    train(folder / "data", folder / "run", settings=settings, steps=wanted.steps, kind="objects", accelerator="cpu")
    predictor = load(folder / "run", "cpu")
    found = [predictor.predict(sample).labels for sample in test]
    scores = evaluate(found, [_objects(sample) for sample in test]).to_dict()
    ap: dict[str, float] = scores["objects"]["ap"]  # type: ignore[index,assignment]
    return {"ap_50": round(ap["0.50"], 4), "mean_ap": round(float(np.mean(list(ap.values()))), 4)}


def _objects(sample: Sample) -> LabelImage:
    assert sample.objects is not None, "all images here are annotated"
    return sample.objects


def _images(
    wanted: argparse.Namespace, random: np.random.Generator
) -> tuple[list[Sample], list[Sample], list[Sample], list[Sample]]:
    """Samples to start with, to validate on, to choose from and to test on."""
    start = wanted.start or (2 if wanted.data_set == "phantom" else 4)
    if wanted.data_set == "phantom":
        made = [_phantom(number, random) for number in range(start + wanted.val + wanted.pool + wanted.test)]
        every, test = made[: -wanted.test], made[-wanted.test :]
    else:
        data = read_folder(wanted.data)
        names = random.permutation(data.names("train"))[: start + wanted.val + wanted.pool]
        every = [data.load(str(name)) for name in names]
        test = [data.load(str(name)) for name in random.permutation(data.names("test"))[: wanted.test]]
    return every[:start], every[start : start + wanted.val], every[start + wanted.val :], test


def _phantom(number: int, random: np.random.Generator) -> Sample:
    """Nuclei of a size and density of their own, so that images differ as those of several plates do."""
    diameter, density = float(random.uniform(12, 30)), float(random.uniform(0.1, 0.8))
    size, seed = (PHANTOM_SIDE, PHANTOM_SIDE), int(random.integers(10**6))
    return Phantom("nuclei", size, seed, diameter, density).sample(f"nuclei_{number:03d}")


def _told(rows: Sequence[dict[str, object]], arm: str, key: str) -> str:
    values: AnyArray = np.array([row["arms"][arm][key] for row in rows])  # type: ignore[index]
    gains = values - np.array([row["arms"]["random"][key] for row in rows])  # type: ignore[index]
    error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else float("nan")
    return f"   {key} {values.mean():.3f} ({gains.mean():+.3f} +- {error:.3f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_set", choices=["phantom", "dsb2018"])
    parser.add_argument("--data", type=Path, default=Path("/work/shared/data/dsb2018"), help="the folder of dsb2018")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--arms", nargs="+", default=["random", *SCORES], help="random, a score, or SCORE-alone")
    parser.add_argument("--start", type=int, help="annotated images to start with; 2 of phantom, 4 of dsb2018")
    parser.add_argument("--worth", type=float, default=4, help="how many images the crops are worth in pixels")
    parser.add_argument("--size", type=int, default=128, help="side of a crop")
    parser.add_argument("--pool", type=int, default=60, help="images to choose from")
    parser.add_argument("--val", type=int, default=6, help="images to validate on")
    parser.add_argument("--test", type=int, default=40, help="images to score")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--tile", type=int, default=128)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--precision", default="bf16-mixed")
    wanted = parser.parse_args()
    wanted.out.mkdir(parents=True, exist_ok=True)
    return wanted


if __name__ == "__main__":
    main()
