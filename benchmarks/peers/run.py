"""The peer table: the same few images and wall time for each tool, scored by `unmask evaluate`.

    python benchmarks/peers/run.py DATA --images 5 --minutes 20 --seeds 0 1 2
    python benchmarks/peers/run.py DATA --tools unmask stardist --minutes 20

Tools run one after another with all cores: leave the machine alone meanwhile. What they write lies in --work, a folder
a tool and seed; what is finished there is not trained again, so the same command goes on where it was stopped. Results
are docs/results/DATA-TOOL-N-images.json, written after every seed; docs/peers.md says what was set.
"""

import argparse
import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools import TOOLS, TORCH, TORCH_ENVIRONMENT

sys.path.append(str(Path(__file__).resolve().parent.parent))
from environment import enter_environment

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description="the peer table")
    parser.add_argument("data", type=Path, help="folder with images/, masks/ and split.csv")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--images", type=int, default=5, help="annotated images, drawn at random")
    parser.add_argument("--minutes", type=float, default=20, help="of wall time to train, each")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the drawing and the training")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "peers", help="folder for what tools write")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results", help="folder for the results")
    return parser.parse_args()


def main() -> None:
    """All tools with all seeds."""
    typed = arguments()
    enter_environment(TORCH_ENVIRONMENT, TORCH)  # has unmask, to evaluate
    budget = ["--images", str(typed.images), "--minutes", f"{typed.minutes:g}"]
    for tool in typed.tools:
        seeds: list[dict[str, Any]] = []
        name = f"{typed.data.resolve().name}-{tool}-{typed.images}-images"
        for seed in typed.seeds:
            out = typed.work / name / f"{typed.minutes:g}-minutes-seed-{seed}"
            timing = _train(tool, typed.data, [*budget, "--seed", str(seed)], out)
            scores = _evaluate(out)
            seeds.append({"seed": seed, "minutes": timing["minutes"], "scores": scores})
            result = _result(tool, typed, timing, seeds)
            typed.out.mkdir(parents=True, exist_ok=True)
            (typed.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
            ap = " ".join(f"{threshold} {value:.3f}" for threshold, value in scores["objects"]["ap"].items())
            print(f"{timing['tool']}, seed {seed}, {timing['minutes']} minutes: AP {ap}", flush=True)


def _train(tool: str, data: Path, budget: list[str], out: Path) -> dict[str, Any]:
    """What timing.json says; trains where there is none."""
    timing = out / "timing.json"
    if not timing.exists():
        out.mkdir(parents=True, exist_ok=True)
        print(f"training {tool}, {' '.join(budget)}: {out / 'log.txt'}", flush=True)
        command = [sys.executable, str(HERE / "train.py"), tool, str(data), "--out", str(out), *budget]
        with open(out / "log.txt", "w") as log:
            if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
                raise SystemExit(f"{tool} failed: {out / 'log.txt'}")
    return json.loads(timing.read_text())


def _evaluate(out: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "unmask", "evaluate", str(out / "labels"), str(out / "data")]
    said = subprocess.run([*command, "--split", "test", "--json"], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(said.stdout)


def _result(
    tool: str, typed: argparse.Namespace, timing: dict[str, Any], seeds: list[dict[str, Any]]
) -> dict[str, Any]:
    """In the form of docs/results/."""
    data = typed.data.resolve().name
    numbers = " ".join(str(seed["seed"]) for seed in seeds)
    budget = f"--images {typed.images} --minutes {typed.minutes:g} --seeds {numbers}"
    facts = f"; seed {timing['seed']}: {timing['facts']}" if timing["facts"] else ""
    steps = "" if timing["steps"] is None else f", {timing['steps']} steps"
    return {
        "data": data,
        "tool": timing["tool"],
        "command": [f"python benchmarks/peers/run.py {shlex.quote(data)} --tools {tool} {budget}"],
        "images": timing["images"],
        "minutes": typed.minutes,
        "machine": _machine(),
        "versions": timing["versions"],
        "date": datetime.date.today().isoformat(),
        "seeds": seeds,
        "notes": f"{TOOLS[tool].notes}{facts}{steps}",
    }


def _machine() -> str:
    """Processor, cores and memory, in words."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, no GPU used"


if __name__ == "__main__":
    main()
