"""Times of simulated exposures, read back from their files: the headers alone against INT_TIMES."""

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.io.sources import open_exposure
from nircam_tso.quality import QualityFlag
from nircam_tso.simulate import SimulationSettings, simulate_exposure
from nircam_tso.simulate.fits_stack import FitsStack, table_bytes
from nircam_tso.simulate.jwst_headers import image_header, primary_header
from nircam_tso.timing import exposure_times

COUNT = 40_000
EDGES = (0, 13_000, 30_000, COUNT)
RESET = 0.0153
START = "2024-12-31T18:00:00.25"

# Frames averaged and skipped, groups, subarray; then what else may stand between two integrations.
PATTERNS = {
    "RAPID": {"n_groups": 3, "shape": (64, 64)},
    "BRIGHT1": {"n_groups": 2, "group_gap": 1, "shape": (160, 160), "resets": 2},
    "BRIGHT2": {"n_groups": 4, "n_frames": 2, "shape": (64, 2048), "dropped_between": 1},
    "SHALLOW4": {"n_groups": 2, "n_frames": 4, "group_gap": 1, "shape": (160, 160), "resets_at_start": 3},
    "DEEP8": {
        "n_groups": 2,
        "n_frames": 8,
        "group_gap": 12,
        "shape": (64, 64),
        "dropped_first": 1,
        "dropped_between": 2,
        "resets_at_start": 0,
        "resets": 0,
    },
}
COLUMNS = ("int_start_MJD_UTC", "int_mid_MJD_UTC", "int_end_MJD_UTC")


class Files:
    """An exposure of many integrations in three files: headers, INT_TIMES, and a pixel each."""

    def __init__(self, folder, pattern, **changes):
        folder.mkdir()
        settings = SimulationSettings(
            **{
                "product": "uncal",
                "n_integrations": COUNT,
                "segments": 3,
                "start": START,
                **PATTERNS[pattern],
                **changes,
            }
        )
        numbers = np.arange(1, COUNT + 1)
        self.table = np.zeros(COUNT, [("integration_number", "i4"), *((column, "f8") for column in COLUMNS)])
        self.table["integration_number"] = numbers
        for column, time in zip(COLUMNS, settings.readout.integrations(settings.start, numbers), strict=True):
            self.table[column] = time.mjd
        self.settings, self.paths = settings, []
        for i, (first, stop) in enumerate(zip(EDGES, EDGES[1:], strict=False), start=1):
            name = f"seg{i}_uncal.fits"
            cards = primary_header(settings, name, i, first + 1, stop)
            science = ("SCI", np.uint16, (stop - first, settings.n_groups, 1, 1), image_header(settings))
            with FitsStack(folder / name, cards, [science], table_bytes("INT_TIMES", self.table[first:stop])):
                self.paths.append(folder / name)


def without_tables(paths, folder):
    """The same files, cut off where INT_TIMES begins."""
    folder.mkdir()
    for path in paths:
        with fits.open(path) as hdus:
            assert hdus[-1].name == "INT_TIMES"
            end = hdus.fileinfo(len(hdus) - 1)["hdrLoc"]
        (folder / path.name).write_bytes(path.read_bytes()[:end])
    return open_exposure(folder)


def off(time, mjd):
    """Seconds by which times are later than an MJD, UTC, on days without a leap second."""
    return ((time.utc.jd1 - 2400000.5 - np.floor(mjd)) + (time.utc.jd2 - (mjd - np.floor(mjd)))) * 86400


@pytest.mark.parametrize("pattern", PATTERNS)
def test_headers_alone_agree_with_int_times(tmp_path, pattern):
    files = Files(tmp_path / "whole", pattern)
    exposure = open_exposure([str(path) for path in files.paths])
    assert len(exposure.segments) == 3 and exposure.integration.tolist() == list(range(1, COUNT + 1))
    assert exposure.header["READPATT"] == pattern
    tabled = exposure_times(exposure)
    bare = exposure_times(without_tables(files.paths, tmp_path / "bare"))
    assert tabled.source == "INT_TIMES" and bare.source == "readout keywords"
    assert not tabled.flags.any() and (bare.flags == QualityFlag.TIME_FROM_HEADER).all()
    for name, column in zip(("start", "middle", "end"), COLUMNS, strict=True):
        for times in (tabled, bare):
            # An MJD of these years resolves 0.6 microseconds.
            assert np.max(np.abs(off(getattr(times, name), files.table[column]))) < 1e-6
        assert np.max(np.abs((getattr(bare, name) - getattr(tabled, name)).sec)) < 1e-6
    # Nothing tells whether rows were reset: 21 ms an integration may hide.
    assert bare.accuracy == pytest.approx(0.5 * files.settings.frame_time + COUNT * 0.021)
    assert tabled.accuracy == 0.1
    assert bare.notes == ()


@pytest.mark.parametrize("reset", [0.001, RESET, 0.021])
@pytest.mark.parametrize("pattern", ["RAPID", "DEEP8"])
def test_row_resets_add_up_to_a_drift(tmp_path, pattern, reset):
    files = Files(tmp_path / "whole", pattern, row_reset_time=reset)
    exposure = open_exposure(tmp_path / "whole")
    tabled = exposure_times(exposure)
    assert tabled.source == "INT_TIMES" and not tabled.flags.any()
    bare = without_tables(files.paths, tmp_path / "bare")
    plain = exposure_times(bare)
    drift = (tabled.middle - plain.middle).sec
    assert np.max(np.abs(drift - np.arange(COUNT) * reset)) < 1e-6
    assert 0 < drift[-1] < plain.accuracy
    # The exposure's end gives it away.
    (note,) = plain.notes
    assert "EXPEND is" in note and "row_reset_time" in note
    assert float(note.split(" s more per integration")[0].rsplit(" ", 1)[1]) == pytest.approx(reset, abs=1e-6)
    told = exposure_times(bare, row_reset_time=reset)
    for name in ("start", "middle", "end"):
        assert np.max(np.abs((getattr(told, name) - getattr(tabled, name)).sec)) < 1e-6
    assert told.notes == ()
    assert told.accuracy == max(0.5 * files.settings.frame_time, 0.1)


def test_cadence_of_one_segment_serves_the_others(tmp_path):
    files = Files(tmp_path / "whole", "RAPID", row_reset_time=RESET)
    bare = without_tables(files.paths, tmp_path / "bare")
    mixed = open_exposure([bare.segments[0].path, str(files.paths[1]), bare.segments[2].path])
    times = exposure_times(mixed)
    assert times.source == "INT_TIMES; cadence of INT_TIMES"
    assert np.max(np.abs(off(times.middle, files.table["int_mid_MJD_UTC"]))) < 2e-6
    inside = mixed.source == 1
    assert not times.flags[inside].any() and (times.flags[~inside] == QualityFlag.TIME_FROM_HEADER).all()


FEW = {"n_integrations": 24, "segments": 3, "shape": (24, 32), "n_groups": 3, "start": START, "row_reset_time": RESET}


def test_simulated_files_hold_the_resets(tmp_path):
    simulation = simulate_exposure(tmp_path / "whole", **FEW)
    plain = simulate_exposure(tmp_path / "plain", **{**FEW, "row_reset_time": 0.0})
    for column in COLUMNS:
        mjd, other = (
            np.concatenate([fits.getdata(path, "INT_TIMES")[column] for path in one.paths])
            for one in (simulation, plain)
        )
        assert np.max(np.abs((mjd - other) * 86400 - np.arange(24) * RESET)) < 2e-6
    ours, theirs = (fits.getheader(one.paths[0]) for one in (simulation, plain))
    assert (ours["EXPEND"] - theirs["EXPEND"]) * 86400 == pytest.approx(23 * RESET, abs=2e-6)
    assert ours["DURATION"] - theirs["DURATION"] == pytest.approx(23 * RESET, abs=1e-9)
    for card in ("EXPSTART", "TFRAME", "TGROUP", "NRESETS", "NRSTSTRT", "DRPFRMS1", "DRPFRMS3", "EFFINTTM", "EFFEXPTM"):
        assert ours[card] == theirs[card]
    assert simulation.truth.meta["row_reset_time"] == RESET


def test_drift_through_the_extractor(tmp_path):
    from nircam_tso import TimeSeriesExtractor

    simulation = simulate_exposure(tmp_path / "whole", **FEW)
    bare = without_tables(simulation.paths, tmp_path / "bare")
    settings = {"aperture_radii": 3, "background": None}
    tabled = TimeSeriesExtractor(**settings).extract(simulation.paths)
    plain = TimeSeriesExtractor(**settings).extract(bare)
    told = TimeSeriesExtractor(row_reset_time=RESET, **settings).extract(bare)
    drift = (tabled["time"] - plain["time"]).sec
    assert drift == pytest.approx(np.arange(24) * RESET, abs=1e-6)
    assert drift[-1] < plain.meta["time_accuracy"]
    assert plain.meta["time_source"] == "readout keywords"
    assert np.max(np.abs((told["time"] - tabled["time"]).sec)) < 1e-6
    assert np.max(np.abs((tabled["time"] - simulation.truth["time"]).sec)) < 1e-6
    assert tabled.meta["time_source"] == "INT_TIMES"
