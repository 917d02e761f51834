"""Reproduce: a claim with several seeds; what is finished is kept when it is killed and typed again.

OUT/reproduction.json   what is reproduced: whose folder this is
OUT/public/             the data, where they were fetched; OUT/data/ where they were simulated or arranged anew
OUT/split.csv           which images train, validate and test
OUT/seed0/run/          a run folder, with its report.html
OUT/seed0/predictions/  of the test images
OUT/seed0/result.json   minutes and scores: the seed is finished
OUT/result.json         all of it; OUT/report.md for reading
"""

import json
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from unmask.data.files import write_text
from unmask.data.folder import read_images
from unmask.errors import PairingError
from unmask.metrics.folders import evaluate_folders
from unmask.model import Model
from unmask.predict.job import predict_job
from unmask.predict.predictor import Predictor
from unmask.report.report import write_report
from unmask.reproduce.background import with_background
from unmask.reproduce.claim import Claim
from unmask.reproduce.folder import claim_folder
from unmask.reproduce.machine import machine_words, package_versions
from unmask.reproduce.material import Material, prepare
from unmask.reproduce.page import write_page
from unmask.reproduce.result import Result, SeedResult, write_result
from unmask.training.checkpoint import read_checkpoint
from unmask.training.loop import Progress
from unmask.training.run import train
from unmask.training.setup import Setup

__all__ = ["Listener", "reproduce"]


@dataclass(frozen=True)
class Listener:
    """Who is told how it goes.

    Attributes:
        say: a sentence.
        on_start: before each training, as in `unmask.train`.
        bar: gives, for the time of one training, what is called after each step.
    """

    say: Callable[[str], None] = lambda sentence: None
    on_start: Callable[[Setup, str], None] = lambda setup, weights: None
    bar: Callable[[], AbstractContextManager[Callable[[Progress], None]]] = lambda: nullcontext(lambda progress: None)


def reproduce(
    claim: Claim,
    out: Path,
    *,
    data: Path | None = None,
    seeds: int = 1,
    minutes: float | None = None,
    command: tuple[str, ...] = (),
    listener: Listener | None = None,
) -> Result:
    """Train, predict and score with each seed; seeds that an earlier call finished are kept.

    Args:
        claim: what is reproduced.
        out: the folder to make, or to go on in.
        data: the data; phantoms have none.
        seeds: how many: 0, 1, ...
        minutes: time budget of each training; the claim's unless given.
        command: what was typed, for the result.
        listener: who is told.

    Returns:
        The result, which is also in `out`.

    Raises:
        UnmaskError: the data cannot be used, or a training or a prediction fails.
    """
    listener = listener or Listener()
    budget = claim.minutes if minutes is None else minutes
    claim_folder(claim, out, budget, data)
    material = prepare(claim, data, out)
    found: list[SeedResult] = []
    for seed in range(seeds):
        found.append(_seed(claim, material, out / f"seed{seed}", seed, budget, listener))
        result = _result(claim, material, out, tuple(found), budget, command)
        write_result(out / "result.json", result)
        write_page(out / "report.md", claim, result)
    return result


def _seed(claim: Claim, material: Material, out: Path, seed: int, minutes: float, listener: Listener) -> SeedResult:
    """One training, its predictions and scores; as it was, where it is finished."""
    file = out / "result.json"
    if file.is_file():
        listener.say(f"Seed {seed}: finished before ({out})")
        values = json.loads(file.read_text(encoding="utf-8"))
        return SeedResult(values["seed"], values["minutes"], values["scores"])
    took = _train(claim, material, out, seed, minutes, listener)
    listener.say(f"Seed {seed}: predicting {len(material.test)} test images")
    run, predictions = out / "run", out / "predictions"
    predictor = Predictor(Model.load(run), tta=claim.predict.tta)
    images = read_images([material.folder], predictor.recipe.data.channels)
    predict_job(predictor, images.subset(material.test), predictions, claim.predict.save)
    scores = evaluate_folders([predictions], material.folder, common=True)[predictions.name]
    if scores.images != len(material.test):
        problem = f"holds predictions of {scores.images} images, not of the {len(material.test)} test images"
        raise PairingError(problem, file=predictions, remedy="remove it and type the same command again")
    write_report(run, test=predictions, truth=material.folder)
    found = SeedResult(seed, round(took, 2), scores.to_dict())
    if claim.merged is not None:
        found = with_background(found, claim.merged.background, predictions, material.folder, material.test)
    write_text(file, json.dumps(asdict(found), indent=1) + "\n")
    return found


def _train(claim: Claim, material: Material, out: Path, seed: int, minutes: float, listener: Listener) -> float:
    """Train, or go on with it; minutes that it took in all, killed calls counted up to their last checkpoint."""
    run, clock = out / "run", out / "trained.json"
    if clock.is_file():
        return float(json.loads(clock.read_text(encoding="utf-8"))["minutes"])
    begun = (run / "last.ckpt").exists()
    listener.say(f"Seed {seed}: {'going on with its training' if begun else f'training for {minutes:g} minutes'}")
    before = read_checkpoint(run / "last.ckpt").elapsed / 60 if begun else 0.0
    if not begun:
        shutil.rmtree(run, ignore_errors=True)  # killed before there was anything worth keeping
    started = time.monotonic()
    with listener.bar() as bar:
        if begun and not (run / "model.safetensors").exists():
            train(material.folder, run, resume=True, on_start=listener.on_start, on_progress=bar)
        elif not begun:
            train(
                material.folder,
                run,
                net=claim.net,
                settings=[*claim.settings, f"schedule.seed={seed}"],
                minutes=minutes,
                split_file=material.split_file,
                started=started,
                on_start=listener.on_start,
                on_progress=bar,
            )
    took = before + (time.monotonic() - started) / 60
    write_text(clock, json.dumps({"minutes": took}) + "\n")
    return took


def _result(
    claim: Claim, material: Material, out: Path, seeds: tuple[SeedResult, ...], minutes: float, command: tuple[str, ...]
) -> Result:
    split = json.loads((out / f"seed{seeds[0].seed}" / "run" / "split.json").read_text(encoding="utf-8"))
    images = {"train": len(split["train"]), "val": len(split["val"]), "test": len(material.test)}
    return Result(
        data=claim.name,
        tool=claim.tool,
        command=command or (f"unmask reproduce {claim.name} --seeds {len(seeds)} --minutes {minutes:g}",),
        images=images,
        minutes=minutes,
        machine=machine_words(),
        versions=package_versions(),
        date=date.today().isoformat(),
        seeds=seeds,
        notes="" if minutes == claim.minutes else f"The recipe trains for {claim.minutes:g} minutes.",
    )
