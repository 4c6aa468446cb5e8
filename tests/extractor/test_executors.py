"""The same numbers, bit by bit, whoever measures the blocks and however long these are."""

import pickle
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso import TimeSeriesExtractor
from nircam_tso.extractor.loop import measure_all
from nircam_tso.extractor.plan import make_plans
from nircam_tso.extractor.remote import excerpt, pack, slots, unpack
from nircam_tso.io.sources import open_exposure

N_PARTS, N_EACH = 3, 9


def write_segment(path, number, rng):
    """A segment of finished images with an elongated star off the middle of a frame that is not square."""
    shape = (40, 72)
    first = (number - 1) * N_EACH + 1
    total = N_PARTS * N_EACH
    y, x = np.mgrid[: shape[0], : shape[1]]
    data = np.empty((N_EACH, *shape), np.float32)
    for image in data:
        x0, y0 = np.array([45.3, 17.8]) + rng.normal(0, 0.1, 2)
        image[:] = rng.normal(20 + 3000 * np.exp(-((x - x0) ** 2 / 5.0 + (y - y0) ** 2 / 3.0)), 5)
    dq = np.zeros(data.shape, np.uint32)
    dq[2, 18, 46] = dq[:, 3, 4] = 1
    primary = fits.PrimaryHDU()
    cards = {
        "TELESCOP": "JWST",
        "INSTRUME": "NIRCAM",
        "DATAMODL": "CubeModel",
        "DETECTOR": "NRCA1",
        "EXP_TYPE": "NRC_TSIMAGE",
        "FILTER": "F210M",
        "PUPIL": "CLEAR",
        "NINTS": total,
        "NGROUPS": 3,
        "INTSTART": first,
        "INTEND": first + N_EACH - 1,
        "EXSEGNUM": number,
        "EXSEGTOT": N_PARTS,
        "S_PHOTOM": "COMPLETE",
    }
    for name, value in cards.items():
        primary.header[name] = value
    numbers = np.arange(first, first + N_EACH)
    times = fits.BinTableHDU.from_columns(
        [
            fits.Column("integration_number", "J", array=numbers),
            fits.Column("int_mid_MJD_UTC", "D", array=59850.25 + numbers / 1000),
        ],
        name="INT_TIMES",
    )
    science = fits.ImageHDU(data, name="SCI")
    science.header["BUNIT"] = "DN/s"
    errors = fits.ImageHDU(np.full(data.shape, 5, np.float32), name="ERR")
    fits.HDUList([primary, science, errors, fits.ImageHDU(dq, name="DQ"), times]).writeto(path)


@pytest.fixture(scope="module")
def segments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segments")
    rng = np.random.default_rng(5)
    for number in range(1, N_PARTS + 1):
        write_segment(folder / f"jw01-seg{number:03d}_nrca1_calints.fits", number, rng)
    return folder


@pytest.fixture(scope="module")
def settings():
    return TimeSeriesExtractor(aperture_radii=(3, 5.5), position=(45, 18), clean="temporal", clean_window=5)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    import dask

    quiet = {"distributed.admin.system-monitor.gil.enabled": False, "distributed.worker.daemon": True}
    with (
        dask.config.set(quiet),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        ) as own,
        distributed.Client(own, set_as_default=False) as client,
    ):
        yield client


def same(first, second):
    """Whether two series hold the same bits, times and metadata included."""
    assert first.colnames == second.colnames
    for name in first.colnames:
        if hasattr(first[name], "jd1"):
            assert first[name].jd1.tobytes() == second[name].jd1.tobytes()
            assert first[name].jd2.tobytes() == second[name].jd2.tobytes()
        else:
            assert np.asarray(first[name]).tobytes() == np.asarray(second[name]).tobytes(), name
    return first.meta == second.meta


@pytest.fixture(scope="module")
def expected(settings, segments):
    with ThreadPoolExecutor(1) as pool:
        ts = settings.extract(segments, errors="total", executor=pool)
    assert len(ts) == N_PARTS * N_EACH
    # Half of the positions' scatter is 0.1 px, so that a swap of x and y would show.
    assert np.abs(ts["x_gauss"].value - 45.3).max() < 0.5
    assert np.abs(ts["y_gauss"].value - 17.8).max() < 0.5
    return ts


@pytest.mark.parametrize("block_size", [None, 1, 4, 100])
def test_threads(settings, segments, expected, block_size):
    assert same(settings.extract(segments, errors="total", block_size=block_size), expected)


@pytest.mark.parametrize("block_size", [None, 2, 10])
def test_processes_read_files(settings, segments, expected, processes, block_size):
    ts = settings.extract(segments, errors="total", executor=processes, block_size=block_size)
    assert same(ts, expected)


def test_names_hold_in_other_folders(settings, segments, expected, monkeypatch):
    monkeypatch.chdir(segments)
    exposure = open_exposure(".", errors="total")
    parts = [excerpt(exposure, first, first + 5) for first in (0, 7, 20)]
    blocks = [exposure.read(first, first + 5).data for first in (0, 7, 20)]
    monkeypatch.chdir(segments.parent)
    for (part, start), data in zip(parts, blocks, strict=True):
        np.testing.assert_array_equal(part.read(start, start + 5).data, data)


def test_processes_are_sent_pixels(settings, segments, expected, processes):
    cube = np.concatenate([fits.getdata(path, "SCI") for path in sorted(segments.glob("*.fits"))])
    here = settings.extract(cube, times=expected.time)
    there = settings.extract(cube, times=expected.time, executor=processes, block_size=7)
    assert same(here, there)


@pytest.mark.slow
@pytest.mark.parametrize("block_size", [None, 2, 10])
def test_cluster(settings, segments, expected, cluster, block_size):
    with cluster.get_executor() as executor:
        assert slots(executor) == 2
        assert same(settings.extract(segments, errors="total", executor=executor, block_size=block_size), expected)


@pytest.mark.slow
def test_cluster_with_pixels_and_several_series_at_once(settings, segments, expected, cluster):
    cube = np.concatenate([fits.getdata(path, "SCI") for path in sorted(segments.glob("*.fits"))])
    here = settings.extract(cube, times=expected.time)
    other = TimeSeriesExtractor(aperture_radii=4, position=(45, 18))
    with cluster.get_executor() as executor, ThreadPoolExecutor(3) as visits:
        series = [
            visits.submit(settings.extract, segments, errors="total", executor=executor, block_size=5),
            visits.submit(settings.extract, cube, times=expected.time, executor=executor, block_size=5),
            visits.submit(other.extract, segments, errors="total", executor=executor),
        ]
        assert same(series[0].result(), expected)
        assert same(series[1].result(), here)
        assert same(series[2].result(), other.extract(segments, errors="total"))


@pytest.mark.slow
def test_command_on_a_cluster(segments, cluster, tmp_path):
    from nircam_tso import read
    from nircam_tso.cli.main import main

    products = [tmp_path / "here.h5", tmp_path / "there.h5"]
    common = ["extract", str(segments), "--errors", "total", "--position", "45,18", "--quiet", "-o"]
    codes = {main([*common, str(products[0]), "--workers", "1"])}
    codes.add(main([*common, str(products[1]), "--scheduler", cluster.scheduler.address]))
    assert len(codes) == 1
    assert same(*(read(path) for path in products))


def test_command_with_workers(segments, tmp_path):
    from nircam_tso import read
    from nircam_tso.cli.main import main

    common = ["extract", str(segments), "--errors", "total", "--position", "45,18", "--quiet", "-o"]
    products = [tmp_path / f"{workers}.h5" for workers in (1, 2, 5)]
    codes = [main([*common, str(path), "--workers", path.stem]) for path in products]
    assert len(set(codes)) == 1
    series = [read(path) for path in products]
    assert len(series[0]) == N_PARTS * N_EACH
    assert all(same(series[0], other) for other in series[1:])


def test_command_without_dask(segments, tmp_path, monkeypatch, capsys):
    from nircam_tso.cli.main import main

    monkeypatch.setitem(sys.modules, "distributed", None)
    args = ["extract", str(segments), "-o", str(tmp_path / "x.h5"), "--scheduler", "tcp://127.0.0.1:1"]
    assert main(args) == 4
    error = capsys.readouterr().err
    assert "nircam_tso[distributed]" in error
    assert error.count("\n") == 1


def test_command_without_a_scheduler(segments, tmp_path, capsys):
    pytest.importorskip("distributed")
    from nircam_tso.cli.main import main

    args = ["extract", str(segments), "-o", str(tmp_path / "x.h5"), "--scheduler", "nonsense://127.0.0.1"]
    assert main(args) == 4
    assert "--scheduler" in capsys.readouterr().err


class Sender:
    """An executor that is no thread pool: tasks are pickled, measured in a thread, and counted."""

    def __init__(self, workers):
        self._pool = ThreadPoolExecutor(workers)
        self._max_workers = workers
        self.sizes, self.waiting, self.most = [], 0, 0

    def submit(self, *task):
        sent = pickle.dumps(task)
        self.sizes.append(len(sent))
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        function, *args = pickle.loads(sent)
        future = self._pool.submit(function, *args)
        result = future.result

        def asked(*timeout):
            self.waiting -= 1
            return result(*timeout)

        future.result = asked
        return future


def test_few_and_small_tasks_are_under_way(settings, segments):
    exposure = open_exposure(segments, errors="total")
    plans, _ = make_plans(settings, exposure)
    executor = Sender(2)
    numbers, _ = measure_all(plans, exposure, executor=executor, block_size=2)
    assert len(numbers[0]["x_gauss"]) == len(exposure)
    assert len(executor.sizes) == 14
    assert executor.most <= 4
    # The plans, and where the pixels are: neither headers, nor times, nor pixels.
    assert max(executor.sizes) < len(pack(plans)) + 10_000


def test_a_series_is_unpacked_once(settings, segments):
    plans, _ = make_plans(settings, open_exposure(segments, errors="total"))
    assert unpack(pack(plans)) is unpack(pack(plans))
    assert unpack(pack(plans))[0].position == plans[0].position


@pytest.mark.parametrize(("first", "stop"), [(0, 27), (9, 18), (8, 10), (26, 27), (10, 20)])
def test_excerpt_reads_the_same_pixels(segments, first, stop):
    exposure = open_exposure(segments, errors="total")
    part, start = excerpt(exposure, first, stop)
    assert part is not exposure
    assert len(exposure) == N_PARTS * N_EACH
    rows = slice(3, 30)
    there, here = part.read(start, start + stop - first, rows), exposure.read(first, stop, rows)
    for name in ("data", "variance", "dq"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name))
    assert len(part.segments) == (stop - 1) // N_EACH - first // N_EACH + 1
