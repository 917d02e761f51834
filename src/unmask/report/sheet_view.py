"""A sheet of scores as the page shows it: headline, mistakes, charts, tables; numbers already in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from unmask.arrays import AnyArray
from unmask.recipe import Recipe
from unmask.report.charts import ap_curve, area_histogram, count_scatter, spread_plot
from unmask.report.sheet import Sheet
from unmask.report.words import CRITERION, MISTAKES, Figure, figure, groups, headline, number, spread_keys

__all__ = ["Areas", "Chart", "SheetView", "Tile", "sheet_view"]

# The page lists this many images, the worst; all are in scores.json.
MOST_ROWS = 200


@dataclass(frozen=True)
class Areas:
    """Areas of objects in pixels, of some or all images of a sheet."""

    true: AnyArray
    predicted: AnyArray
    images: int


@dataclass(frozen=True)
class Tile:
    """A figure in large print: its value, and something about it, both in words."""

    figure: Figure
    value: str
    aside: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart with a title and a caption that says what to see in it."""

    title: str
    caption: str
    uri: str


@dataclass(frozen=True)
class TableRow:
    """A figure of the table: value for the set, then lowest, lower quartile, median, upper quartile, highest."""

    figure: Figure
    value: str
    spread: tuple[str, ...]


@dataclass(frozen=True)
class ImageTable:
    """Figures of single images, the worst first."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int


@dataclass(frozen=True)
class SheetView:
    """All that the page shows of a sheet.

    Attributes:
        images: how many.
        tiles: the headline, the most important figure first.
        mistakes: of objects; none for class maps.
        charts: in reading order.
        groups: title and rows of the table of all figures.
        thresholds: AP, F1, precision and recall by threshold: a header row, then a row a threshold.
        table: figures of single images.
    """

    images: int
    tiles: tuple[Tile, ...]
    mistakes: tuple[Tile, ...]
    charts: tuple[Chart, ...]
    groups: tuple[tuple[str, tuple[TableRow, ...]], ...]
    thresholds: tuple[tuple[str, ...], ...]
    table: ImageTable


def sheet_view(sheet: Sheet, recipe: Recipe, areas: Areas | None) -> SheetView:
    """Put a sheet in words.

    Args:
        sheet: the scores.
        recipe: of the run; its criterion and classes decide what stands first.
        areas: of true and predicted objects, where they could be read.
    """
    objects = recipe.schedule.criterion != "dice" and "truth_objects" in sheet.values
    return SheetView(
        images=len(sheet.per_image),
        tiles=tuple(_tile(sheet, one) for one in headline(recipe) if one.key in sheet.values),
        mistakes=tuple(_mistake(sheet, one) for one in MISTAKES) if objects else (),
        charts=tuple(_charts(sheet, recipe, areas, objects=objects)),
        groups=tuple(
            (title, rows)
            for title, figures in groups(recipe)
            if (rows := tuple(_table_row(sheet, one) for one in figures if one.key in sheet.values))
        ),
        thresholds=_thresholds(sheet),
        table=_image_table(sheet, recipe, objects=objects),
    )


def _tile(sheet: Sheet, one: Figure) -> Tile:
    interval = sheet.interval(one.key) if one.key in CRITERION.values() and one.key != "mean_dice" else None
    aside = f"95 % interval {number(interval[0])} to {number(interval[1])}, by resampling images" if interval else ""
    return Tile(one, number(sheet.values[one.key]), aside)


def _mistake(sheet: Sheet, one: Figure) -> Tile:
    whole, name = ("predicted_objects", "predicted") if one.key in ("extra", "merges") else ("truth_objects", "true")
    count, of = sheet.values.get(one.key, 0), sheet.values[whole]
    share = f"{count / of:.1%}".replace("%", " %") if of else ""
    return Tile(one, number(count, count=True), f"{share} of {number(of, count=True)} {name} objects" if of else "")


def _charts(sheet: Sheet, recipe: Recipe, areas: Areas | None, *, objects: bool) -> list[Chart]:
    keys = [key for key in spread_keys(recipe) if sheet.column(key)]
    charts = []
    if keys:
        caption = "A dot is an image. The box holds the middle half of the images, its line is the median."
        charts.append(Chart("Spread over images", caption, spread_plot(sheet, keys)))
    if not objects:
        return charts
    if sheet.spread("ap_0.50"):
        caption = (
            "The more overlap a match needs, the fewer objects match. A curve that stays high means outlines that fit; "
            "one that falls early means objects that are found, but drawn too large, too small or shifted."
        )
        charts.append(Chart("AP by overlap", caption, ap_curve(sheet)))
    caption = "A dot is an image. Above the line there are more predicted objects than true ones, below it fewer."
    charts.append(Chart("How many objects", caption, count_scatter(sheet)))
    if areas and areas.true.size + areas.predicted.size:
        some = f" Of {areas.images} of the images." if areas.images < len(sheet.per_image) else ""
        caption = (
            f"The two curves should lie on each other: many small extras are debris, many large ones merges.{some}"
        )
        charts.append(
            Chart("How large objects are", caption, area_histogram(areas.true, areas.predicted, recipe.data.pixel_size))
        )
    return charts


def _table_row(sheet: Sheet, one: Figure) -> TableRow:
    found = sheet.spread(one.key)
    numbers = (found.lowest, found.lower, found.median, found.upper, found.highest) if found else ()
    spread = tuple(f"{value:g}" if one.count else number(value) for value in numbers)
    return TableRow(one, number(sheet.values[one.key], count=one.count), spread)


def _thresholds(sheet: Sheet) -> tuple[tuple[str, ...], ...]:
    kinds = ("ap", "f1", "precision", "recall")
    thresholds = sorted(key.removeprefix("ap_") for key in sheet.values if key.startswith("ap_"))
    if not thresholds:
        return ()
    rows = (tuple(number(sheet.values[f"{kind}_{at}"]) for kind in kinds) for at in thresholds)
    return ("IoU", "AP", "F1", "Precision", "Recall"), *((at, *row) for at, row in zip(thresholds, rows, strict=True))


def _image_table(sheet: Sheet, recipe: Recipe, *, objects: bool) -> ImageTable:
    keys = [one.key for one in headline(recipe)]
    if objects:
        keys += ["truth_objects", "predicted_objects", *(one.key for one in MISTAKES)]
    keys = [key for key in keys if sheet.column(key)]
    ranked = sheet.ranking(CRITERION[recipe.schedule.criterion])
    names = [*reversed(ranked), *(name for name in sheet.per_image if name not in set(ranked))]
    rows = (tuple(_cell(sheet.per_image[name], key) for key in keys) for name in names[:MOST_ROWS])
    return ImageTable(
        columns=("Image", *(_title(key) for key in keys)),
        rows=tuple((name, *row) for name, row in zip(names[:MOST_ROWS], rows, strict=True)),
        left_out=max(0, len(names) - MOST_ROWS),
    )


def _title(key: str) -> str:
    return {"truth_objects": "True", "predicted_objects": "Predicted"}.get(key, figure(key).name)


def _cell(row: Mapping[str, float], key: str) -> str:
    whole = key.endswith("_objects") or figure(key).count
    return number(row[key], count=whole) if key in row else ""
