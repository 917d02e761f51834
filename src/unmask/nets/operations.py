"""How much a U-Net computes, counted from its recipe: nothing is built for it."""

from unmask.recipe import UNetRecipe

__all__ = ["operations"]


def operations(network: UNetRecipe, channels: int, classes: int, height: int, width: int) -> int:
    """Floating point operations of the convolutions of one pass: two a weight and position.

    Args:
        network: of any width, depth and padding; an ensemble takes as much for each member.
        channels: of the input.
        classes: of the output.
        height: of the input, one that the network takes.
        width: likewise.
    """
    cut = 2 if network.padding == "valid" else 0
    height, width = (length * network.enlarge // network.reduce for length in (height, width))
    total, before = 0, channels
    for level in range(network.depth + 1):
        after = network.width << level
        for given in (before, after):
            height, width = height - cut, width - cut
            total += 9 * given * after * height * width
        before = after
        if level < network.depth:
            height, width = height // 2, width // 2
    for level in reversed(range(network.depth)):
        after = network.width << level
        total += 4 * before * after * height * width  # each position becomes 2 x 2
        height, width = 2 * height, 2 * width
        for given in (2 * after, after):
            height, width = height - cut, width - cut
            total += 9 * given * after * height * width
        before = after
    total += before * classes * height * width * network.reduce**2
    return network.members * 2 * total
