"""`import unmask` is light, and what it offers is pinned."""

import subprocess
import sys

import pytest

import unmask

HEAVY = {"torch", "numpy", "skimage", "scipy", "matplotlib", "lightning", "pydantic"}


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_import_is_light() -> None:
    assert HEAVY & modules_after("import unmask") == set()


def test_help_needs_no_torch() -> None:
    loaded = modules_after(
        "from typer.testing import CliRunner\nfrom unmask.cli.main import app\nCliRunner().invoke(app, ['--help'])"
    )
    assert {"torch", "skimage", "scipy", "lightning"} & loaded == set()


@pytest.mark.parametrize("module", ["unmask.data.folder", "unmask.metrics.folders", "unmask.report.report"])
def test_reading_metrics_and_report_need_no_torch(module: str) -> None:
    assert "torch" not in modules_after(f"import {module}")


def test_public_names() -> None:
    assert unmask.__all__ == ["UnmaskError", "__version__", "evaluate", "load", "train"]
    for name in unmask.__all__:
        assert getattr(unmask, name) is not None
    assert set(unmask.__all__) <= set(dir(unmask))


def test_functions_stay_functions_whatever_is_imported() -> None:
    code = "import unmask, unmask.training.run, unmask.predict.predictor\nassert callable(unmask.train)"
    assert "torch" in modules_after(code)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'unmask' has no attribute 'segment'"):
        unmask.segment  # noqa: B018
