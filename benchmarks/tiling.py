"""Tiled prediction beside MONAI's sliding_window_inference and nnU-Net's predictor: speed and seams, in one run.

    python benchmarks/tiling.py                                 2,048 and 8,192 square, networks of width 16 and 32
    python benchmarks/tiling.py --widths 16 --sides 2048
    python benchmarks/tiling.py --model RUN                     the weights of a trained U-Net

The first run makes benchmarks/.venv-peers, an environment of its own (6 GB), and all runs go on inside it. All tools
compute the same U-Net with the same weights on the same image, to probabilities in memory: the peers with zero padding,
as their users run it, unmask unpadded and zero padded. Windows of the peers are 512 x 512. All use all cores, and take
turns; times are the median of three runs, at the larger sizes of one, without the rows in channels_last. MONAI's better
of 1 and 4 windows a batch counts.

Seams: the largest and the mean difference of probabilities to one pass of the network over the whole image, zero
padded for zero padding, of the mirrored image for unpadded convolutions. Useful FLOP are those of an endless image:
what a tool computes twice does not count. The best convolution rate is that of plain 3 x 3 convolutions, same run.
"""

import argparse
from pathlib import Path

from environment import enter_environment

HERE = Path(__file__).resolve().parent
PEERS = ["--editable", ".[openvino]", "monai==1.6.1", "nnunetv2==2.8.1"]
STRIDE = 16  # of the networks with random weights, whose depth is 4


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description="tiled prediction beside its peers")
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32], help="channels of the first level")
    parser.add_argument(
        "--sides", type=int, nargs="+", default=[2048, 8192], help="of the square images, pixels: multiples of 16"
    )
    parser.add_argument("--model", type=Path, help="run folder or model file of a U-Net, instead of random weights")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "tiling.json", help="JSON file")
    typed = parser.parse_args()
    if any(side < STRIDE or side % STRIDE for side in typed.sides):
        parser.error(f"--sides: multiples of {STRIDE}, so that one pass over a whole image is possible")
    return typed


if __name__ == "__main__":
    typed = arguments()
    enter_environment(HERE / ".venv-peers", PEERS)
    from tiling_report import report  # the peers are in the environment only

    report(typed.widths, typed.sides, typed.model, typed.out)
