"""Do the scores of `unmask suggest` find the crops that a model gets wrong? No training: minutes.

    python benchmarks/suggest_proxy.py RUN DATA --split val

Cuts annotated images, which the run was not trained on, into crops side by side. Of all crops that hold a true or a
predicted object: Spearman's rank correlation of each score with the error, 1 less the mean AP over IoU .5 to .95, and
the mean error of the tenth of the crops with the highest score. For comparison the share of foreground, by which a
score may cheat.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from unmask.arrays import LabelImage
from unmask.data.folder import read_folder
from unmask.data.phantom import Phantom
from unmask.data.sample import Sample
from unmask.geometry.labels import outlines, relabel
from unmask.metrics.matching import THRESHOLDS, match
from unmask.metrics.overlaps import overlaps
from unmask.predict.disagreement import Copies
from unmask.predict.predictor import load
from unmask.predict.trouble import Look, look


def main() -> None:
    """Print a line a score."""
    wanted = _arguments()
    copies = Copies(load(wanted.run, "cpu"))
    rows = [row for sample in _samples(wanted) for row in _crops(look(copies, sample), sample, wanted.size)]
    error = np.array([row.pop("error") for row in rows])
    top = max(1, len(rows) // 10)
    print(f"{len(rows)} crops of {wanted.size} pixels, mean error {error.mean():.3f}")
    found = {}
    for name in rows[0]:
        score = np.array([row[name] for row in rows])
        found[name] = {"rank correlation": float(spearmanr(score, error)[0]), "error of the highest tenth": 0.0}
        found[name]["error of the highest tenth"] = float(error[np.argsort(-score, kind="stable")[:top]].mean())
        print(f"{name:>24}", *(f"   {key} {value:.3f}" for key, value in found[name].items()), flush=True)
    if wanted.json:
        wanted.json.write_text(json.dumps({"crops": len(rows), "error": float(error.mean()), "scores": found}) + "\n")


def _samples(wanted: argparse.Namespace) -> Iterator[Sample]:
    """Those of a split of the run, at most so many."""
    if wanted.data == Path("phantom"):
        for seed in range(wanted.images):
            random = np.random.default_rng(10_000 + seed)
            diameter, density = float(random.uniform(12, 30)), float(random.uniform(0.1, 0.8))
            yield Phantom("nuclei", (256, 256), 10_000 + seed, diameter, density).sample(f"nuclei_{seed}")
        return
    data = read_folder(wanted.data)
    names = json.loads((wanted.run / "split.json").read_text())[wanted.split]
    yield from (data.load(name) for name in names[: wanted.images])


def _crops(found: Look, sample: Sample, size: int) -> Iterator[dict[str, float]]:
    """The scores and the error of crops side by side."""
    assert sample.objects is not None, "the images are annotated"
    labels = found.prediction.labels
    border = outlines(labels)
    for y in range(0, max(1, sample.size[0] - size + 1), size):
        for x in range(0, max(1, sample.size[1] - size + 1), size):
            where = np.s_[y : y + size, x : x + size]
            truth, prediction = (relabel(one[where]) for one in (sample.objects, labels))
            if not (truth.any() or prediction.any()):
                continue
            row = {"error": 1 - _mean_ap(truth, prediction), "foreground alone": float((prediction > 0).mean())}
            for score, trouble in found.trouble.items():
                row[score] = float(trouble.amount[where].sum() / (trouble.of[where].sum() + trouble.steady))
            edge = border[where].sum() + 50.0
            row["instability, not shared"] = float(found.trouble["instability"].amount[where].sum())
            row["between a border pixel"] = float(found.trouble["between"].amount[where].sum() / edge)
            row["total a border pixel"] = float(found.trouble["total"].amount[where].sum() / edge)
            yield row


def _mean_ap(truth: LabelImage, prediction: LabelImage) -> float:
    table = overlaps(truth, prediction)
    return float(np.mean([match(table, threshold).ap for threshold in THRESHOLDS]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("data", type=Path, help="what it was trained on; or phantom, for new ones")
    parser.add_argument("--split", default="val", help="which images of the run's split.json")
    parser.add_argument("--images", type=int, default=40, help="at most so many")
    parser.add_argument("--size", type=int, default=128, help="side of a crop")
    parser.add_argument("--json", type=Path, help="a file to write to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
