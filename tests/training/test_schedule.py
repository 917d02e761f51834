"""Schedules: learning rates by hand, and a clock that ends on time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.recipe import OptimiserRecipe
from unmask.training.schedule import Clock, learning_rate, progress_at, refit, straight


def test_straight() -> None:
    assert [progress_at(step, straight(200)) for step in (0, 50, 200, 300)] == [0, 0.25, 1, 1]


def test_one_cycle_by_hand() -> None:
    recipe = OptimiserRecipe(learning_rate=1.0)
    assert learning_rate(0, recipe) == pytest.approx(0.04)
    assert learning_rate(0.05, recipe) == pytest.approx(0.52)
    assert learning_rate(0.1, recipe) == pytest.approx(1.0)
    assert learning_rate(0.55, recipe) == pytest.approx(0.001 + 0.999 / 2)
    assert learning_rate(1, recipe) == pytest.approx(0.001)


def test_constant() -> None:
    recipe = OptimiserRecipe(name="sgd", learning_rate=0.3, cycle="constant")
    assert {learning_rate(p, recipe) for p in (0, 0.5, 1)} == {0.3}


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 500)), min_size=1, max_size=8))
def test_refitted_schedules_keep_their_past_and_only_rise(moves: list[tuple[int, int]]) -> None:
    knots, step = straight(10**9), 0
    past: dict[int, float] = {}
    for advance, left in moves:
        for at in range(step, step + advance + 1):
            past[at] = progress_at(at, knots)
        step += advance
        knots = refit(knots, step, left)
    assert all(progress_at(at, knots) == pytest.approx(value, abs=1e-12) for at, value in past.items())
    values = [progress_at(at, knots) for at in range(step + 501)]
    assert values == sorted(values)
    assert values[-1] == 1


def test_clock_ends_on_time_when_the_machine_slows_down() -> None:
    """A simulated run: .1 s a step, from the middle .2 s; validations of 3 s; budget 100 s."""
    clock, knots, now, step, done = Clock(100, validation_steps=2), straight(10**9), 0.0, 0, 0
    refitted = 0.0
    while progress_at(step, knots) < 1:
        seconds = 0.1 if now < 40 else 0.2
        now, step = now + seconds, step + 1
        clock.saw_step(seconds)
        progress = progress_at(step, knots)
        if clock.calibrated and (refitted == 0 or now - refitted > 5) and progress < 0.95:
            knots, refitted = refit(knots, step, clock.steps_left(now, 6 - done)), now
        if progress_at(step, knots) >= (done + 1) / 6:
            now, done = now + 3, done + 1
            clock.saw_validation(3)
    assert done == 6
    assert 90 < now + 2 * 3 <= 101
