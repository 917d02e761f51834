"""What `unmask predict` says of the images that it predicted."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from unmask.predict.job import ImageDone

__all__ = ["no_workers", "tell_counts", "tell_seams", "tell_warnings"]


def tell_counts(done: "list[ImageDone]", out: "Path", skip_blank: bool) -> None:
    """Print how many images, objects and, if they were to be left out, blank tiles there were."""
    from unmask.cli.show import console

    resumed = sum(image.resumed for image in done)
    before = f" ({resumed} of them before)" if resumed else ""
    if not any(image.objects for image in done):
        console.print("No object was found. Does the model fit these images? Look at its report: unmask report RUN")
    if skip_blank:
        console.print(f"{sum(image.blank for image in done):,} tiles were left out as blank.")
    console.print(f"{len(done)} images predicted{before}, {sum(image.objects for image in done)} objects: {out}")


def tell_warnings(done: "list[ImageDone]") -> None:
    """Print each warning once, with the images that it is about."""
    from rich.markup import escape

    from unmask.cli.show import console

    images: dict[str, list[str]] = {}
    for image in done:
        for warning in image.warnings:
            images.setdefault(warning, []).append(image.name)
    for warning, names in images.items():
        console.print(f"{escape(_named(names))}: {escape(warning)}")


def tell_seams(done: "list[ImageDone]", verify: bool) -> None:
    """Print what was found at borders of blocks; if that was asked for, also where nobody looked."""
    from rich.markup import escape

    from unmask.cli.show import console

    for image in done:
        if image.seams:
            console.print(
                f"{escape(image.name)}: {image.seams['windows']} windows across borders of blocks differ by at most "
                f"{image.seams['largest']:.1g} from the same windows predicted alone; pixels that this moves over a "
                f"threshold: {image.seams['moved']}."
            )
    for resumed, reason in (
        (False, "predicted in memory at once, there are no seams."),
        (True, "finished before, when nobody looked for seams. To look for them, choose another --out."),
    ):
        names = [image.name for image in done if not image.seams and image.resumed is resumed]
        if verify and names:
            console.print(f"{escape(_named(names))}: {reason}")


def _named(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def no_workers(kinds: "Sequence[str | None]") -> str:
    """Why no image is predicted in blocks, of which workers could have a share."""
    never = [kind for kind in kinds if kind is not None]
    others = "; no other is larger than the memory" if len(never) < len(kinds) else ""
    why = f"Images {never[0]} are never predicted in blocks{others}" if never else "No image is larger than the memory"
    return f"{why}: they are predicted here, without workers."
