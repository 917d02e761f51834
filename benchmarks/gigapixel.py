"""A phantom of 30,000 x 30,000 pixels predicted from OME-Zarr to OME-Zarr: memory, kills, cost a pixel, the count.

    python benchmarks/gigapixel.py data       the phantom, its truth and smaller ones, into --work (2 GB)
    python benchmarks/gigapixel.py run        predict it in one go; memory of all processes, once a second, and peaks
    python benchmarks/gigapixel.py killed     the same, killed twice on the way (kill -9): is the result the same?
    python benchmarks/gigapixel.py score      objects found beside the truth's
    python benchmarks/gigapixel.py cost       seconds a megapixel at every size
    python benchmarks/gigapixel.py plot       docs/gigapixel.png and docs/gigapixel.json of the last `run`

Steps make what they lack: the images, and a small U-Net trained for three minutes on small phantoms of the same kind.
The killed run is ended at a third of the time that `run` took, and again after another third. What was measured stays
in --work as JSON, with the version, the model, --workers and --memory: under others it is measured again. PSS is
resident memory with shared pages divided among the processes that share them.
"""

import argparse
import json
import statistics
import subprocess
from dataclasses import asdict
from pathlib import Path

from gigapixel_bench import SEED, Bench
from large_labels import first_difference, overlaps_of

from unmask.data.formats.images import write_image
from unmask.data.phantom import Phantom
from unmask.metrics.matching import match

DOCS = Path(__file__).resolve().parent.parent / "docs"
SIDE, SIDES, START = 30_000, (1_024, 2_048, 4_096, 8_192, 16_384, 30_000), 64
REPEATED = 5_000  # sides below are measured three times, the median counts
SHOWN = 500  # samples in the plot
PROCESSES = 8  # whose peaks are printed


def data(bench: Bench) -> None:
    """Makes all images, and the net."""
    bench.model()
    for side in sorted({bench.side, *bench.sides}):
        bench.image(side)
        made = bench.kept(f"{side}")
        print(f"{side:6,} square: {made['objects']:,} objects, {side**2 / 1e6 / made['seconds']:.2f} Mpx/s")


def run(bench: Bench) -> None:
    """Predicts in one go."""
    watched = bench.predict(bench.image(bench.side), fresh(bench.work / f"run-{bench.side}"))
    bench.keep(f"memory-{bench.side}", bench.conditions() | asdict(watched))
    print(f"{bench.side:,} square in {watched.seconds:,.0f} s")
    quarters = [watched.samples[n * len(watched.samples) // 4 : (n + 1) * len(watched.samples) // 4] for n in range(4)]
    for kind in ("pss", "uss", "rss", "largest"):
        peaks = [max((getattr(sample, kind) for sample in part), default=0) / 1e9 for part in quarters]
        print(f"{kind:8} peak {max(peaks):.2f} GB; by quarters of the time {', '.join(f'{p:.2f}' for p in peaks)}")
    largest = ", ".join(f"{peak / 1e9:.2f}" for peak in sorted(watched.peaks, reverse=True)[:PROCESSES])
    print(f"rss of each process at its highest (VmHWM), the {PROCESSES} largest: {largest} GB")
    bench.keep(f"cost-{bench.side}", bench.conditions() | {"seconds": watched.seconds})


def killed(bench: Bench) -> None:
    """Predicts, killed twice; compares with `run`."""
    if not bench.has(f"memory-{bench.side}", bench.conditions()):
        raise SystemExit("what `run` left was measured under other conditions: type `run killed`")
    after = bench.kept(f"memory-{bench.side}")["seconds"] / 3
    out = fresh(bench.work / f"killed-{bench.side}")
    attempts = [bench.predict(bench.image(bench.side), out, limit) for limit in (after, after, None)]
    assert [attempt.killed for attempt in attempts] == [True, True, False], "it was done before it was killed"
    whole, spent = 3 * after, sum(attempt.seconds for attempt in attempts)
    lasted = " + ".join(f"{attempt.seconds:,.0f}" for attempt in attempts)
    print(f"killed twice: {lasted} s, {spent / whole:.3f} of the {whole:,.0f} s of one go")
    one, other = (bench.work / f"{step}-{bench.side}" for step in ("run", "killed"))
    difference = first_difference(labels(one, bench.side), labels(other, bench.side))
    same_table = (one / "objects.csv").read_bytes() == (other / "objects.csv").read_bytes()
    print(f"labels: {difference or 'equal to the pixel'}; objects.csv: {'equal' if same_table else 'NOT equal'}")
    assert difference is None
    assert same_table


def score(bench: Bench) -> None:
    """Compares `run` with the truth."""
    truth = bench.kept(f"{bench.side}")["objects"]
    table = overlaps_of(bench.truth(bench.side), labels(bench.work / f"run-{bench.side}", bench.side))
    assert truth == table.truth_ids.size
    found, at_half = table.prediction_ids.size, match(table, 0.5)
    print(f"{found:,} objects found, {truth:,} there: {100 * (found / truth - 1):+.2f} %")
    print(f"AP {at_half.ap:.3f}, F1 {at_half.f1:.3f} at IoU .5 over the whole image; mean IoU {at_half.mean_iou:.3f}")


def cost(bench: Bench) -> None:
    """Seconds a megapixel; those of --side are of `run` where it was done."""
    tiny = bench.work / "tiny.tif"
    write_image(tiny, Phantom("nuclei", (START, START), SEED).sample().image, None)
    start = seconds(bench, tiny, f"cost-{START}", again=3)
    print(f"{START} square: {start:.1f} s, taken for the start of the command")
    print(f"{'side':>6} {'Mpx':>8} {'s':>9} {'s/Mpx':>8} {'without start':>14}")
    for side in bench.sides:
        took, pixels = seconds(bench, bench.image(side), f"cost-{side}", 3 if side < REPEATED else 1), side**2 / 1e6
        print(f"{side:6,} {pixels:8.1f} {took:9.1f} {took / pixels:8.3f} {(took - start) / pixels:14.3f}")


def plot(bench: Bench) -> None:
    """Draws the memory of `run`."""
    from matplotlib.figure import Figure

    watched = bench.kept(f"memory-{bench.side}")
    step = -(-len(watched["samples"]) // SHOWN)
    thinned = [
        max(watched["samples"][n : n + step], key=lambda sample: sample["pss"])  # peaks stay
        for n in range(0, len(watched["samples"]), step)
    ]
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    minutes = [sample["seconds"] / 60 for sample in thinned]
    for kind, colour, name in (
        ("pss", "#0072b2", "all processes (PSS)"),
        ("largest", "#d55e00", "the largest one (RSS)"),
    ):
        axes.plot(minutes, [sample[kind] / 1e9 for sample in thinned], color=colour, linewidth=1.2, label=name)
    axes.axhline(2, color="#66717e", linewidth=0.8, linestyle="--")
    axes.set(xlabel="minutes", ylabel="resident memory, GB", ylim=(0, None), xlim=(0, None))
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(bench.docs / "gigapixel.png", dpi=150)
    shown = {"side": bench.side} | watched | {"samples": thinned}
    (bench.docs / "gigapixel.json").write_text(json.dumps(shown) + "\n", encoding="utf-8")


def seconds(bench: Bench, image: Path, name: str, again: int) -> float:
    """Of the whole command on an image, the median; measured, unless it was under the same conditions."""
    if not bench.has(name, conditions := bench.conditions()):
        times = [bench.predict(image, fresh(bench.work / "cost")).seconds for _ in range(again)]
        bench.keep(name, conditions | {"seconds": statistics.median(times), "times": times})
    return float(bench.kept(name)["seconds"])


def labels(out: Path, side: int) -> Path:
    """The label image that a prediction wrote."""
    return out / "labels" / f"{side}.zarr"


def fresh(out: Path) -> Path:
    """An output folder without what an earlier run left there."""
    subprocess.run(["rm", "-rf", str(out)], check=True)
    return out


STEPS = {"data": data, "run": run, "killed": killed, "score": score, "cost": cost, "plot": plot}


def main() -> None:
    """Does the steps that were typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="+", choices=STEPS, help="in this order")
    parser.add_argument("--work", type=Path, default=Path("gigapixel"), help="folder for images and results, 10 GB")
    parser.add_argument("--side", type=int, default=SIDE, help="of the large phantom, pixels")
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES, help="of the phantoms of `cost`, pixels")
    parser.add_argument("--workers", type=int, default=2, help="0 leaves the option out")
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of what `plot` makes")
    typed = parser.parse_args()
    bench = Bench(typed.work, typed.side, tuple(typed.sides), typed.workers, typed.memory, typed.docs)
    for step in typed.steps:
        STEPS[step](bench)


if __name__ == "__main__":
    main()
