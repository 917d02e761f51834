"""The plan of a large image, in view of what an earlier run left of it."""

from collections.abc import Callable
from functools import partial
from math import isqrt

from unmask.predict.block_plan import BlockPlan, plan_blocks
from unmask.predict.crew import Crew
from unmask.predict.large_folder import Earlier
from unmask.predict.predictor import Predictor
from unmask.predict.tiles import bytes_a_pixel
from unmask.recipe import UNetRecipe

__all__ = ["plan_large"]

MUCH_LARGER = 1.25


def plan_large(
    predictor: Predictor, size: tuple[int, int], crew: Crew, earlier: Earlier | None, tell: Callable[[str], None]
) -> BlockPlan:
    """The plan for an image.

    What is free of the memory is never twice the same: tiles of an earlier run are kept unless they are much larger
    than those that would be chosen now. They are kept in any case if the network is done with all of them, for later
    passes take less.

    Args:
        predictor: the model, and the memory.
        size: rows and columns of the image.
        crew: who will do the work.
        earlier: what an earlier run left.
        tell: is told the plan, and what is lost by it, a sentence each.

    Raises:
        PredictionError: the memory is too little for so many workers.
    """
    own = predictor.side if predictor.device.type == "cuda" else predictor.given_side  # its memory is another
    plan = partial(plan_blocks, predictor.model, size, predictor.memory, crew.size, elsewhere=crew.elsewhere)
    planned = plan(own)
    if earlier is not None:
        before = plan(earlier.side)
        if earlier.finished >= before.blocks or _length(before) <= MUCH_LARGER * planned.side:
            planned = before
        elif earlier.finished:
            keeps = "" if own else f"; --memory {_enough(predictor, planned, before)} keeps them"
            tell(_loss(earlier, before) + keeps)
    more = ": more than --memory, and the least that so many take" if planned.memory > 1.05 * predictor.memory else ""
    tell(f"{planned}{more}")
    return planned


def _length(plan: BlockPlan) -> int:
    """The side of a square block of as many pixels."""
    return isqrt(plan.block[0] * plan.block[1])


def _loss(earlier: Earlier, before: BlockPlan) -> str:
    height, width = before.block
    return (
        f"{earlier.finished:,} of {before.blocks:,} blocks that an earlier run finished are done anew, as blocks of "
        f"{height:,} x {width:,} take more memory than there is now"
    )


def _enough(predictor: Predictor, planned: BlockPlan, before: BlockPlan) -> str:
    """Memory with which blocks as large as those before are chosen, as `--memory` takes it."""
    network = predictor.recipe.network
    assert isinstance(network, UNetRecipe), "blocks are the U-Net's"
    pixel = bytes_a_pixel(network, len(predictor.recipe.data.class_names))
    base = planned.memory - planned.share * planned.block[0] * planned.block[1] * pixel  # tiles read more than that
    tiles = planned.share * (_length(before) + 2 * predictor.model.halo.halo) ** 2 * pixel
    return f"{-(-(base + tiles) // 10**8) / 10:.1f}GB"
