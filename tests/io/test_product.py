"""Products on disk: nothing is lost, nothing is left half written."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable
from astropy.time import Time
from astropy.timeseries import TimeSeries

from nircam_tso import TimeSeriesExtractor, good, read, write
from nircam_tso.exceptions import IncompleteProductError, OutputError
from nircam_tso.io import product_guard
from nircam_tso.simulate import simulate_exposure


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    simulation = simulate_exposure(
        tmp_path_factory.mktemp("visit"), product="calints", n_integrations=12, shape=(40, 48), segments=2, seed=5
    )
    ts = TimeSeriesExtractor(aperture_radii=[3, 5.5]).extract(simulation.paths)
    ts["time_bjd"][3] = np.ma.masked
    ts["x_gauss"][2] = np.nan * u.pix
    return ts


def assert_equal(one, other, *, exact):
    assert type(other) is TimeSeries
    assert one.colnames == other.colnames
    for name in one.colnames:
        a, b = one[name], other[name]
        assert b.info.description == a.info.description
        if isinstance(a, Time):
            assert a.scale == b.scale
            known = ~np.asarray(a.mask)
            assert np.array_equal(known, ~np.asarray(b.mask))
            if exact:
                assert np.array_equal(a.jd1[known], b.jd1[known])
                assert np.array_equal(a.jd2[known], b.jd2[known])
            else:
                assert np.abs((a[known] - b[known]).sec).max() < 1e-9
            continue
        assert getattr(a, "unit", None) == getattr(b, "unit", None)
        a, b = (np.asarray(getattr(column, "value", column)) for column in (a, b))
        assert a.dtype == b.dtype
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    assert dict(one.meta) == dict(other.meta)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".ecsv"])
def test_two_generations(product, tmp_path, suffix):
    first = read(write(product, tmp_path / f"a{suffix}"))
    assert_equal(product, first, exact=suffix != ".ecsv")
    second = read(write(first, tmp_path / f"b{suffix}"))
    assert_equal(first, second, exact=True)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".h5", ".ecsv"])
def test_times_to_a_nanosecond(tmp_path, suffix):
    days = 60000 + np.arange(50) * 1.234567891e-4
    time = Time(days, np.linspace(0, 1e-9, 50), format="mjd", scale="utc")
    leap = Time("2016-12-31T23:59:60.123456789", scale="utc")
    ts = TimeSeries(time=time)
    ts["time_leap"] = Time([leap] * 50)
    again = read(write(ts, tmp_path / f"t{suffix}"))
    assert np.abs((again["time"] - time).sec).max() < 1e-9
    assert np.abs((again["time_leap"] - leap).sec).max() < 1e-9


@pytest.mark.parametrize("suffix", [".h5", ".ecsv"])
def test_all_times_unknown(tmp_path, suffix):
    ts = TimeSeriesExtractor(aperture_radii=[3]).extract(np.random.default_rng(2).normal(9, 1, (4, 30, 40)))
    again = read(write(ts, tmp_path / f"t{suffix}"))
    assert np.asarray(again["time"].mask).all()
    assert np.array_equal(again["background"].value, ts["background"].value)


def test_unified_reader(product, tmp_path):
    path = write(product, tmp_path / "a.h5")
    again = TimeSeries.read(path, format="nircam_tso")
    assert_equal(product, again, exact=True)


def test_plain_astropy_reads_both(product, tmp_path):
    """An archive without this package."""
    hdf5 = QTable.read(write(product, tmp_path / "a.h5"), path="timeseries")
    ecsv = QTable.read(write(product, tmp_path / "a.ecsv"))
    for table in (hdf5, ecsv):
        assert np.array_equal(table["aperture_sum_r3"].value, product["aperture_sum_r3"].value)
        assert table["aperture_sum_r3"].unit == u.Jy
    with h5py.File(tmp_path / "a.h5") as file:
        assert len(file["timeseries"]) == len(product)


def test_nothing_is_replaced_unasked(product, tmp_path):
    path = write(product, tmp_path / "a.h5")
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write(product[:3], path)
    assert path.read_bytes() == before
    write(product[:3], path, overwrite=True)
    assert len(read(path)) == 3


@pytest.mark.parametrize("suffix", [".h5", ".ecsv"])
def test_selected_rows_are_a_product(product, tmp_path, suffix):
    again = read(write(product[good(product)][1:], tmp_path / f"a{suffix}"))
    assert len(again) == good(product).sum() - 1
    assert again.meta["n_rows"] == len(again)
    assert again.meta["n_expected"] == len(product)


def test_hdf5_that_runs_out_of_space(product, tmp_path, monkeypatch):
    def broken(self, *args):
        raise RuntimeError("Can't decrement id ref count")

    monkeypatch.setattr(h5py.File, "close", broken)
    with pytest.raises(OutputError, match="decrement"):
        write(product, tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


def test_old_file_lives_when_writing_fails(product, tmp_path, monkeypatch):
    path = write(product, tmp_path / "a.h5")
    before = path.read_bytes()
    bad = product.copy()
    bad.meta["odd"] = object()
    with pytest.raises(ValueError, match=r"meta\['odd'\]"):
        write(bad, path, overwrite=True)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(QTable, "write", full)
    with pytest.raises(OutputError, match="No space left"):
        write(product, path, overwrite=True)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]


def test_a_file_that_reads_back_changed_is_refused(product, tmp_path, monkeypatch):
    from nircam_tso.io import product as module

    original = module.parsed

    def shorter(content, kind):
        return original(content, kind)[:-1]

    def other_number(content, kind):
        table = original(content, kind)
        table["x_gauss"][5] += 1e-9 * u.pix
        return table

    def other_word(content, kind):
        table = original(content, kind)
        table.meta["target"] = "another star"
        return table

    for change, told in (
        (shorter, "11 rows instead of 12"),
        (other_number, "column x_gauss reads back changed"),
        (other_word, "its description or metadata read back changed"),
    ):
        monkeypatch.setattr(module, "parsed", change)
        with pytest.raises(OutputError, match=told):
            write(product, tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


def test_permissions_are_those_of_the_umask(product, tmp_path):
    mask = os.umask(0o027)
    try:
        path = write(product, tmp_path / "a.ecsv")
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["a.csv", "a", "a.fits"])
def test_unknown_ending(product, tmp_path, name):
    with pytest.raises(ValueError, match=r"\.ecsv"):
        write(product, tmp_path / name)
    with pytest.raises(ValueError, match=r"\.ecsv"):
        read(tmp_path / name)


def test_folder_and_missing_folder(product, tmp_path):
    (tmp_path / "d.h5").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write(product, tmp_path / "d.h5")
    with pytest.raises(OutputError, match="does not exist"):
        write(product, tmp_path / "no" / "a.h5")


def test_reading_what_is_no_product(tmp_path):
    with pytest.raises(IncompleteProductError, match="no such file"):
        read(tmp_path / "a.h5")
    (tmp_path / "b.h5").write_bytes(b"not HDF5")
    with pytest.raises(IncompleteProductError, match="not a readable HDF5"):
        read(tmp_path / "b.h5")
    QTable({"a": [1]}).write(tmp_path / "c.ecsv")
    with pytest.raises(IncompleteProductError, match="no column 'time'"):
        read(tmp_path / "c.ecsv")


def test_ecsv_cut_at_a_line(product, tmp_path):
    path = write(product, tmp_path / "a.ecsv")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-2]))
    with pytest.raises(IncompleteProductError, match="10 of 12 rows"):
        read(path)


def columns_of_ones_own():
    """What a user may put beside the package's columns."""
    ts = TimeSeries(time=Time(60000 + np.arange(4) / 100, format="mjd", scale="utc"))
    ts["part"] = np.arange(12.0).reshape(4, 3)
    ts.meta |= {"depth": np.float64(0.0125), "rows": np.int32(4), "range": (1, 3)}
    return ts


@pytest.mark.parametrize("suffix", [".h5", ".ecsv"])
def test_columns_and_metadata_of_ones_own(tmp_path, suffix):
    path = write(columns_of_ones_own(), tmp_path / f"a{suffix}")
    again = read(path)
    assert again["part"].tolist() == np.arange(12.0).reshape(4, 3).tolist()
    assert (again.meta["depth"], again.meta["rows"], again.meta["range"]) == (0.0125, 4, [1, 3])
    assert type(again.meta["depth"]) is float and type(again.meta["rows"]) is int
    assert write(again, tmp_path / f"b{suffix}").read_bytes() == path.read_bytes()


def test_words_are_for_ecsv(tmp_path):
    """HDF5 gives them back as bytes, which is told before a product with others is there."""
    ts = columns_of_ones_own()
    ts["remark"] = ["a", "b, c", "d", "\u00fc"]
    path = write(ts, tmp_path / "a.ecsv")
    assert [str(word) for word in read(path)["remark"]] == ["a", "b, c", "d", "\u00fc"]
    with pytest.raises(OutputError, match="column remark reads back changed"):
        write(ts, tmp_path / "a.h5")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ecsv"]


def test_words_are_in_the_digest(tmp_path):
    ts = columns_of_ones_own()
    ts["remark"] = ["a", "b, c", "d", "e"]
    path = write(ts, tmp_path / "a.ecsv")
    text = path.read_text()
    assert text.count('"b, c"') == 1
    path.write_text(text.replace('"b, c"', '"b, d"'))
    with pytest.raises(IncompleteProductError, match="its numbers or metadata have changed"):
        read(path)


def test_masks_are_in_the_digest(tmp_path):
    ts = columns_of_ones_own()
    ts["count"] = MaskedColumn([1, 2, 3, 4], mask=[False, True, False, False])
    path = write(ts, tmp_path / "a.h5")
    assert np.asarray(read(path)["count"].mask).tolist() == [False, True, False, False]
    with h5py.File(path, "r+") as file:
        table = file["timeseries"][()]
        table["count.mask"][2] = True
        file["timeseries"][...] = table
    with pytest.raises(IncompleteProductError, match="its numbers or metadata have changed"):
        read(path)


def test_a_long_text_under_a_word_of_yaml(tmp_path):
    """YAML takes the word "no" for false and quotes it: the text could not be told from the table's end."""
    ts = columns_of_ones_own()
    ts.meta["no"] = "x" * 70_000
    with pytest.raises(OutputError, match=r"cannot be written \(meta\['no'\] is not where it should be\)"):
        write(ts, tmp_path / "a.ecsv")
    assert read(write(ts, tmp_path / "a.h5")).meta["no"] == ts.meta["no"]


def test_a_file_larger_than_any_product(product, tmp_path, monkeypatch):
    from nircam_tso.io import product as module

    path = write(product, tmp_path / "a.h5")
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    with pytest.raises(IncompleteProductError, match="has [0-9]+ bytes, which no product has"):
        read(path)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("a" * (product_guard.MAX_HEADER + 1), "its header has 6291457 characters"),
        ("- 1\n" * (product_guard.MAX_EVENTS + 1), "its header has more than 20000 parts"),
    ],
    ids=["long", "many parts"],
)
def test_headers_without_measure(header, words):
    with pytest.raises(product_guard.HostileProductError, match=words):
        product_guard.check_header(header)


def test_ecsv_without_columns_in_its_header(tmp_path):
    (tmp_path / "a.ecsv").write_text("# %ECSV 1.0\n# ---\n# meta: {a: 1}\ntime\n1\n")
    with pytest.raises(IncompleteProductError, match="is refused: has no ECSV header"):
        read(tmp_path / "a.ecsv")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("timeseries", np.ones((2, 3)), "timeseries has 2 axes; a table has one"),
        ("timeseries.__table_column_meta__", np.arange(9), "its description is too long"),
    ],
)
def test_other_things_in_the_place_of_a_table(product, tmp_path, name, data, words):
    path = write(product, tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = data
    with pytest.raises(IncompleteProductError, match=f"is refused: {words}"):
        read(path)


def test_the_unified_reader_waits_once():
    """Whoever asks again for it to be registered with astropy makes no second one wait."""
    code = (
        "import sys, nircam_tso\n"
        "from nircam_tso.io.unified import register_when_needed\n"
        "assert 'astropy.timeseries' not in sys.modules\n"
        "count = len(sys.meta_path)\n"
        "register_when_needed()\n"
        "assert len(sys.meta_path) == count\n"
        "from astropy.io import registry\n"
        "from astropy.timeseries import TimeSeries\n"
        "assert len(sys.meta_path) == count - 1\n"
        "assert list(registry.get_formats(TimeSeries)['Format']).count('nircam_tso') == 1\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
