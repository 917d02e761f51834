"""unmask plan."""

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import Base, Classes, Data, Ignore, Layout, NetOption, Objects, SplitFile, reading

__all__ = ["plan"]


def plan(
    data: Data,
    net: NetOption = None,
    recipe: Base = "default",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Overrule a value.", metavar="KEY=VALUE")] = None,
    minutes: Annotated[float | None, typer.Option(help="Time budget of training.", min=0.1)] = None,
    steps: Annotated[int | None, typer.Option(help="A fixed number of steps instead.", min=1)] = None,
    objects: Objects = False,
    classes: Classes = False,
    layout: Layout = None,
    ignore: Ignore = None,
    split_file: SplitFile = None,
    out: Annotated[Path | None, typer.Option(help="Write the recipe to this YAML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the recipe as one JSON object.")] = False,
) -> None:
    """Show the recipe that training would use, each value with its reason."""
    import json as json_module

    from unmask.cli.show import console, recipe_table, understood
    from unmask.data.files import write_text
    from unmask.recipe import dump, used
    from unmask.training.setup import new_setup

    setup = new_setup(
        data,
        net=None if net is None else net.value,
        recipe=recipe,
        settings=set_ or [],
        minutes=minutes,
        steps=steps,
        reading=reading(objects, classes, layout, ignore, split_file),
    )
    resolved = setup.recipe
    if out is not None:
        write_text(out, dump(resolved))
    if json:
        print(json_module.dumps(used(resolved), indent=1))
        return
    understood(setup)
    console.print()
    console.print(recipe_table(resolved))
    if out is not None:
        console.print(f"\nWritten to {out}. Train with it: unmask train {data} --recipe {out} --out RUN")
