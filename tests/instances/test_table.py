import csv
import dataclasses

import numpy as np
import pytest
from skimage.measure import regionprops

from unmask.errors import UnmaskError
from unmask.instances.objects import Objects
from unmask.instances.table import measure, write_table

PIXELS = [
    *("image", "label", "class", "score", "area", "centroid_y", "centroid_x", "top", "left", "bottom", "right"),
    *("equivalent_diameter", "major_axis", "minor_axis", "eccentricity", "orientation", "solidity", "perimeter"),
]
MICROMETRES = ["area_um2", "equivalent_diameter_um", "major_axis_um", "minor_axis_um", "perimeter_um"]


def intensities(channel):
    return [f"intensity_{what}_{channel}" for what in ("mean", "min", "max", "sum")]


def objects(labels, pixel_size=None):
    count = int(labels.max())
    return Objects(labels, np.ones(count, np.uint8), np.linspace(0.5, 1, count, dtype=np.float32), pixel_size)


def discs():
    """Two ellipses, a line of four pixels and a single pixel."""
    y, x = np.mgrid[:40, :60]
    labels = np.zeros((40, 60), np.int32)
    labels[0, 0] = 1
    labels[2, 20:24] = 2
    labels[(y - 20) ** 2 / 100 + (x - 15) ** 2 / 36 <= 1] = 3
    labels[(y - 25) ** 2 / 25 + (x - 40) ** 2 / 144 <= 1] = 4
    return labels


def close(values):
    return pytest.approx(values, rel=1e-12, abs=1e-12)


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_rectangle_by_hand():
    labels = np.zeros((6, 8), np.int32)
    labels[1:3, 2:6] = 1
    image = np.arange(48, dtype=np.uint16).reshape(6, 8, 1)
    row = {name: column[0] for name, column in measure(objects(labels, (0.5, 0.5)), image, "a", ["cell"]).items()}
    assert list(row) == [*PIXELS, *MICROMETRES, *intensities(1)]
    assert (row["image"], row["label"], row["class"], row["score"]) == ("a", 1, "cell", 0.5)
    assert (row["area"], row["centroid_y"], row["centroid_x"]) == (8, 1.5, 3.5)
    assert (row["top"], row["left"], row["bottom"], row["right"]) == (1, 2, 3, 6)
    assert row["equivalent_diameter"] == pytest.approx(np.sqrt(32 / np.pi))
    assert row["major_axis"] == pytest.approx(4 * np.sqrt(15 / 12))  # variance of 4 pixels in a row: 15 / 12
    assert row["minor_axis"] == pytest.approx(4 * np.sqrt(3 / 12))
    assert row["eccentricity"] == pytest.approx(np.sqrt(1 - 3 / 15))
    assert (abs(row["orientation"]), row["solidity"], row["perimeter"]) == (pytest.approx(np.pi / 2), 1, 8)
    assert (row["area_um2"], row["perimeter_um"]) == (2, 4)
    assert row["major_axis_um"] == pytest.approx(row["major_axis"] / 2)
    values = [10, 11, 12, 13, 18, 19, 20, 21]
    assert [row[name] for name in intensities(1)] == [np.mean(values), 10, 21, sum(values)]


def test_every_column_is_the_region_property_of_its_name():
    labels = discs()
    image = np.random.default_rng(0).integers(0, 4000, (40, 60, 2), dtype=np.uint16)
    columns = measure(objects(labels), image, "a", ["cell"])
    for i, region in enumerate(regionprops(labels, image)):
        row = {name: column[i] for name, column in columns.items()}
        assert row["area"] == region.area
        assert (row["centroid_y"], row["centroid_x"]) == pytest.approx(region.centroid)
        assert (row["top"], row["left"], row["bottom"], row["right"]) == region.bbox
        assert row["equivalent_diameter"] == close(region.equivalent_diameter_area)
        assert (row["major_axis"], row["minor_axis"]) == close((region.axis_major_length, region.axis_minor_length))
        assert (row["eccentricity"], row["orientation"]) == close((region.eccentricity, region.orientation))
        assert (row["solidity"], row["perimeter"]) == (region.solidity, close(region.perimeter))
        for k in (0, 1):
            mean, low, high, total = (row[name] for name in intensities(k + 1))
            assert (low, high) == (region.intensity_min[k], region.intensity_max[k])
            assert mean == pytest.approx(region.intensity_mean[k])
            assert total == image[:, :, k][labels == i + 1].sum()


def test_pixels_that_are_not_square_stretch_lengths_and_leave_the_perimeter_out():
    columns = measure(objects(discs(), (0.5, 0.25)), None, "a", ["cell"])
    np.testing.assert_allclose(columns["area_um2"], columns["area"] / 8)
    np.testing.assert_allclose(columns["equivalent_diameter_um"], np.sqrt(4 * columns["area"] / 8 / np.pi))
    tall, wide = 2, 3  # semi-axes of 10 x 6 and 5 x 12 pixels, that is 5 x 1.5 and 2.5 x 3 micrometres
    assert columns["major_axis_um"][[tall, wide]] == pytest.approx([10, 6], rel=0.03)
    assert columns["minor_axis_um"][[tall, wide]] == pytest.approx([3, 5], rel=0.03)
    assert np.isnan(columns["perimeter_um"]).all()


def test_classes_are_named():
    one = dataclasses.replace(objects(discs()), classes=np.array([2, 1, 1, 2], np.uint8))
    assert measure(one, None, "a", ["alive", "dead"])["class"].tolist() == ["dead", "alive", "alive", "dead"]


def test_overlapping_objects_are_measured_whole():
    labels = discs()
    image = np.random.default_rng(0).integers(0, 4000, (40, 60, 2), dtype=np.uint16)
    alone = measure(objects(labels, (0.5, 0.25)), image, "a", ["cell"])
    layers = np.stack([np.where(labels == 3, 3, 0), np.where(labels % 3 == 1, labels, 0), np.where(labels == 2, 2, 0)])
    covered = np.where(labels > 2, 0, labels)  # 3 and 4 are not to be seen at all
    whole = dataclasses.replace(objects(labels, (0.5, 0.25)), labels=covered, layers=layers.astype(np.int32))
    measured = measure(whole, image, "a", ["cell"])
    assert list(measured) == list(alone)
    for name, column in alone.items():
        assert measured[name].dtype == column.dtype
        np.testing.assert_array_equal(measured[name], column, err_msg=name)


def test_overlapping_rectangles_by_hand():
    layers = np.zeros((2, 6, 8), np.int32)
    layers[0, 1:3, 2:6] = 2
    layers[1, :4, 3:5] = 1
    labels = np.where(layers[0] > 0, layers[0], layers[1])
    image = np.arange(48, dtype=np.uint16).reshape(6, 8, 1)
    both = Objects(labels, np.array([2, 1], np.uint8), np.array([0.6, 0.9], np.float32), None, layers)
    columns = measure(both, image, "a", ["alive", "dead"])
    assert columns["label"].tolist() == [1, 2]
    assert columns["class"].tolist() == ["dead", "alive"]
    assert columns["area"].tolist() == [8, 8]
    assert columns["top"].tolist() == [0, 1]
    assert columns["intensity_mean_1"].tolist() == [15.5, 15.5]
    assert columns["intensity_max_1"].tolist() == [28, 21]


def test_an_image_without_objects_has_every_column_and_no_row():
    nothing = objects(np.zeros((5, 5), np.int32), (1.0, 1.0))
    columns = measure(nothing, np.zeros((5, 5, 2), np.uint8), "a", ["cell"])
    assert list(columns) == [*PIXELS, *MICROMETRES, *intensities(1), *intensities(2)]
    assert {len(column) for column in columns.values()} == {0}
    layered = measure(dataclasses.replace(nothing, layers=np.zeros((1, 5, 5), np.int32)), None, "a", ["cell"])
    assert list(layered) == [*PIXELS, *MICROMETRES]
    assert {len(column) for column in layered.values()} == {0}


def test_the_file_holds_the_images_one_after_the_other(tmp_path):
    image = np.full((40, 60, 1), 7, np.uint8)
    tables = [measure(objects(discs()), image, name, ["cell"]) for name in ("a", 'b, "c"', "ä")]
    write_table(tmp_path / "objects.csv", tables)
    rows = read(tmp_path / "objects.csv")
    assert list(rows[0]) == [*PIXELS, *intensities(1)]
    assert [row["image"] for row in rows] == ["a"] * 4 + ['b, "c"'] * 4 + ["ä"] * 4
    assert [row["label"] for row in rows] == list("1234") * 3
    assert float(rows[2]["major_axis"]) == pytest.approx(tables[0]["major_axis"][2], rel=1e-9)
    assert (rows[2]["area"], rows[2]["intensity_mean_1"], rows[0]["score"]) == (str(tables[0]["area"][2]), "7", "0.5")


def test_what_one_image_lacks_is_an_empty_cell_and_columns_keep_their_order(tmp_path):
    image = np.full((40, 60, 2), 7, np.uint8)
    plain = measure(objects(discs()), image[:, :, :1], "plain", ["cell"])
    sized = measure(objects(discs(), (0.5, 0.25)), image, "sized", ["cell"])
    write_table(tmp_path / "objects.csv", iter([plain, sized]))
    rows = read(tmp_path / "objects.csv")
    assert list(rows[0]) == [*PIXELS, *MICROMETRES, *intensities(1), *intensities(2)]
    assert (rows[0]["area_um2"], rows[0]["intensity_mean_1"], rows[0]["intensity_mean_2"]) == ("", "7", "")
    assert (rows[4]["area_um2"], rows[4]["perimeter_um"], rows[4]["intensity_sum_2"]) == ("0.125", "", "7")


def test_a_table_of_nothing_still_has_its_header(tmp_path):
    write_table(tmp_path / "objects.csv", [])
    assert (tmp_path / "objects.csv").read_text() == ",".join(PIXELS) + "\n"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnmaskError, match=r"file.objects\.csv: cannot be written .* choose another one\."):
        write_table(tmp_path / "file" / "objects.csv", [])


def test_an_error_half_way_leaves_the_old_table(tmp_path):
    path = tmp_path / "objects.csv"
    path.write_text("old")
    broken = measure(objects(discs()), None, "a", ["cell"])
    broken["area"] = broken["area"][:1]
    with pytest.raises(ValueError, match="shorter"):
        write_table(path, [broken])
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["objects.csv"]
