"""This project's U-Net, by its command."""

import csv
import json
import subprocess
import sys

from images import Grey, Labels
from job import Job, Trained

import unmask

__all__ = ["train"]


def train(job: Job) -> Trained:
    """`unmask train DATA --minutes`, with the minutes that are left."""
    run, minutes = job.work / "run", f"{job.clock.left / 60:.3f}"
    seed = f"schedule.seed={job.seed}"
    command = ["train", str(job.data), "--out", str(run), "--minutes", minutes, "--set", seed]
    subprocess.run([sys.executable, "-m", "unmask", *command], check=True)
    model = unmask.load(run)
    validation = len(json.loads((run / "split.json").read_text())["val"])
    with open(run / "log.csv", newline="") as lines:
        steps = int(list(csv.DictReader(lines))[-1]["step"])

    def segment(image: Grey) -> Labels:
        return model.predict(image).labels

    return Trained(segment, steps, validation)
