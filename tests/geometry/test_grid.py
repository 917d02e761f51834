"""Tiles cover the image exactly once and read what one pass over the whole image would."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.geometry.grid import (
    Span,
    clipped_axis,
    clipped_span,
    inner_span,
    mirror,
    mirrored_axis,
    mirrored_span,
    tiles,
)


@given(st.integers(1, 40), st.integers(0, 120), st.integers(0, 120))
def test_mirror_is_numpys_reflection(size: int, before: int, after: int) -> None:
    # NumPy's reflection of a single pixel repeats it, as ours does.
    expected = np.pad(np.arange(size), (before, after), mode="reflect")
    assert np.array_equal(mirror(-before, size + after, size), expected)


def covers(spans: list[Span], size: int) -> bool:
    """Whether the spans write 0..size-1, each once, in order."""
    return [i for span in spans for i in range(span.start, span.stop)] == list(range(size))


@given(st.integers(1, 700), st.integers(1, 300), st.integers(0, 100), st.sampled_from([1, 2, 8, 16]), st.data())
def test_mirrored_axis(size: int, tile: int, halo: int, stride: int, data: st.DataObject) -> None:
    remainder = data.draw(st.integers(0, stride - 1))
    spans = mirrored_axis(size, tile, halo, stride, remainder)
    assert covers(spans, size)
    for span in spans:
        assert span.start % stride == 0
        assert span.read_start == span.start - halo
        assert span.read_stop >= span.stop + halo
        assert (span.read_stop - span.read_start) % stride == remainder
        assert span.read_stop - (span.stop + halo) < stride


@given(st.integers(1, 700), st.integers(1, 300), st.integers(0, 100), st.sampled_from([1, 2, 8, 16]))
def test_clipped_axis(size: int, tile: int, halo: int, stride: int) -> None:
    spans = clipped_axis(size, tile, halo, stride)
    end = -(-size // stride) * stride
    assert covers(spans, size)
    for span in spans:
        assert span.start % stride == span.read_start % stride == span.read_stop % stride == 0
        assert span.offset == span.start - span.read_start
        assert span.read_start == 0 or span.start - span.read_start >= halo
        assert span.read_stop == end or span.read_stop - span.stop >= halo
        assert span.read_start >= 0
        assert span.read_stop <= end


@given(st.integers(0, 700), st.integers(1, 300), st.integers(0, 100), st.sampled_from([1, 2, 8, 16]), st.data())
def test_mirrored_span_begins_anywhere(start: int, length: int, halo: int, stride: int, data: st.DataObject) -> None:
    remainder = data.draw(st.integers(0, stride - 1))
    span = mirrored_span(start, start + length, halo, stride, remainder)
    assert (span.start, span.stop) == (start, start + length)
    assert (span.read_start + halo) % stride == 0
    assert 0 <= span.offset == start - (span.read_start + halo) < stride
    assert (span.read_stop - span.read_start) % stride == remainder
    assert 0 <= span.read_stop - (span.stop + halo) < stride


@given(st.integers(1, 700), st.integers(0, 100), st.sampled_from([1, 2, 8, 16]), st.data())
def test_clipped_span_begins_anywhere(size: int, halo: int, stride: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    span, end = clipped_span(size, start, stop, halo, stride), -(-size // stride) * stride
    assert (span.start, span.stop) == (start, stop)
    assert span.read_start % stride == span.read_stop % stride == 0
    assert span.offset == start - span.read_start
    assert span.read_start == 0 or halo <= span.offset < halo + 2 * stride
    assert span.read_stop == end or halo <= span.read_stop - stop < halo + 2 * stride
    assert 0 <= span.read_start < span.read_stop <= end


def test_spans_by_hand() -> None:
    """Row 21 at stride 16: the paper's network reads as from row 16; a zero-padded one with halo 20 as from 16 - 32."""
    assert mirrored_span(21, 40, 92, 16, 12) == Span(21, 40, 16 - 92, 16 - 92 + 220, 5)
    assert clipped_span(100, 21, 40, 20, 16) == Span(21, 40, 0, 48 + 32, 21)
    assert clipped_span(100, 60, 64, 20, 16) == Span(60, 64, 16, 96, 44)


def test_reassembly() -> None:
    """Cut up, put together: the very image."""
    image = np.random.default_rng(0).integers(0, 255, (53, 71))
    result = np.full_like(image, -1)
    for tile in tiles(clipped_axis(53, 16, 5, 8), clipped_axis(71, 24, 5, 8)):
        rows, columns = tile.rows, tile.columns
        window = image[
            np.ix_(mirror(rows.read_start, rows.read_stop, 53), mirror(columns.read_start, columns.read_stop, 71))
        ]
        height, width = rows.stop - rows.start, columns.stop - columns.start
        result[rows.start : rows.stop, columns.start : columns.stop] = window[
            rows.offset : rows.offset + height, columns.offset : columns.offset + width
        ]
    assert np.array_equal(result, image)


@pytest.mark.parametrize("size", [388, 389, 1])
def test_the_papers_tile(size: int) -> None:
    """388 pixels at stride 16 need two tiles of 384: origins stay multiples of the stride."""
    spans = mirrored_axis(size, 388, 92, 16, 12)
    assert [span.start for span in spans] == ([0, 384] if size > 384 else [0])
    assert spans[0].read_stop - spans[0].read_start == (572 if size > 384 else 188)


@given(st.integers(-50, 500), st.integers(1, 300), st.integers(1, 5))
def test_inner_spans_pair_the_pixels_that_padded_networks_pair(start: int, length: int, depth: int) -> None:
    """Walked level by level: two convolutions take a pixel each, and what is left begins at an even pixel."""
    stride, halo = 2**depth, 6 * 2**depth - 4
    smallest = next(n for n in range(1, 2 * halo + 3 * stride) if _fits(n, depth))
    span = inner_span(start, start + length, halo, stride, smallest % stride, 2 % stride)
    at, size = span.read_start, span.read_stop - span.read_start
    for _ in range(depth):
        at, size = at + 2, size - 4
        assert (at % 2, size % 2) == (0, 0)
        at, size = at // 2, size // 2
    assert span.read_start + halo + span.offset == start
    assert span.read_stop - halo >= start + length


def _fits(length: int, depth: int) -> bool:
    """Whether an unpadded network takes it."""
    for _ in range(depth):
        length -= 4
        if length < 2 or length % 2:
            return False
        length //= 2
    length -= 4
    for _ in range(depth):
        length = 2 * length - 4
    return length > 0
