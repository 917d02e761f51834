"""Tiles: where they lie and how large they are."""

from unmask.nets import UNet, derive_halo
from unmask.predict.tiles import bytes_a_pixel, plan_tiles, tile_at, tile_side
from unmask.recipe import UNetRecipe


def test_tiles_are_even() -> None:
    """1100 pixels at sides of at most 1024: two tiles of about 550, not 1024 and 76."""
    halo = derive_halo(UNet(width=1, padding="same"))
    spans = {(tile.rows.start, tile.rows.stop) for tile in plan_tiles(1100, 10, halo, 1024)}
    assert spans == {(0, 560), (560, 1100)}


def test_tile_side_follows_memory() -> None:
    halo = derive_halo(UNet(width=1))
    assert tile_side(10**12, 1000, halo) == 1024
    assert tile_side(1, 1000, halo) == 16
    side = tile_side(250_000_000, 1000, halo)
    assert side % 16 == 0
    assert (side + 2 * 92) ** 2 * 1000 <= 250_000_000 < (side + 16 + 2 * 92) ** 2 * 1000


def test_a_tile_by_its_place() -> None:
    halo = derive_halo(UNet(width=1, depth=2))
    every = plan_tiles(100, 70, halo, 32)
    assert [tile_at((100, 70), halo, 32, (row, column)) for row in range(4) for column in range(3)] == every


def test_bytes_a_pixel_by_hand() -> None:
    """18 bytes a channel of what the network sees, 8 a class beyond the first, 160 beside; ensembles keep more."""
    plain = UNetRecipe(width=16)
    assert bytes_a_pixel(plain, 1) == 18 * 16 + 160
    assert bytes_a_pixel(plain.model_copy(update={"enlarge": 2}), 1) == 4 * 18 * 16 + 160
    assert bytes_a_pixel(plain.model_copy(update={"reduce": 3}), 1) == 32 + 160
    assert bytes_a_pixel(plain, 21) == 18 * 16 + 8 * 20 + 160
    assert bytes_a_pixel(plain.model_copy(update={"members": 3}), 1) == round(2.2 * 18 * 16) + 160
