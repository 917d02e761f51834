"""The command `unmask`. Heavy imports (torch, scikit-image) stand inside the commands: `unmask --help` is instant."""

import logging
import sys

import typer
from rich.console import Console
from rich.markup import escape

from unmask.cli import check, data, demo, evaluate, plan, predict, report, reproduce, suggest, train
from unmask.errors import UnmaskError
from unmask.version import __version__

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Few annotated images in, exact masks out, at any image size.",
    epilog="Start with `unmask demo`. Any command takes --debug, which shows a traceback when it fails.",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"unmask {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    pass


for command in (
    demo.demo,
    data.data,
    check.check,
    plan.plan,
    train.train,
    predict.predict,
    suggest.suggest,
    evaluate.evaluate,
    report.report,
    reproduce.reproduce,
):
    app.command(no_args_is_help=command not in (demo.demo, data.data, reproduce.reproduce))(command)


def main() -> None:
    """Run the command line: exit code 0 done, 1 the input or the run failed, 2 wrong usage."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)  # it names the precision
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments)
    except UnmaskError as error:
        _fail(str(error), error, debug)
    except KeyboardInterrupt as error:
        _fail("Stopped.", error, debug)
    except Exception as error:
        _fail(f"Unexpected {type(error).__name__}: {error}. Please report it, with what --debug shows.", error, debug)


def _fail(message: str, error: BaseException, debug: bool) -> None:
    if debug:
        raise error
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"[bold red]unmask:[/bold red] {escape(message)}")
    sys.exit(1)
