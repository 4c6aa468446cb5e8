"""Each fault of the notebook: what it does, and that it is off when it is off."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling import fitting, models
from astropy.utils.exceptions import AstropyDeprecationWarning
from photutils.aperture import CircularAperture, aperture_photometry

from nircam_tso.io.sources import open_exposure
from nircam_tso.notebook import NotebookFaults, julian_date, load_fit_phot_time, loads_fits_phots_times

ALL, NONE = NotebookFaults.ALL, NotebookFaults.NONE
SHAPE = (48, 60)
COLUMNS = [
    "filename",
    "aperture phot 3.0",
    "time",
    "gaussian amplitude",
    "gaussian y center",
    "gaussian x center",
    "gaussian y width",
    "gaussian x width",
    "cross corr y center",
    "cross corr x center",
    "sky background",
]


def star(shape=SHAPE, amplitude=9000.0, y0=24.4, x0=32.1, y_stddev=1.3, x_stddev=0.9):
    y, x = np.indices(shape)
    return amplitude * np.exp(-((x - x0) ** 2 / (2 * x_stddev**2) + (y - y0) ** 2 / (2 * y_stddev**2)))


def ramp(image, groups=4, bias=3000.0):
    """Counts that grow by the image from group to group."""
    return bias + np.arange(groups)[:, None, None] * image


def only(fault, source, **inputs):
    """The first row with a single fault, and without any."""
    return tuple(loads_fits_phots_times(source, faults=f, **inputs).iloc[0] for f in (fault, NONE))


def of_2016(path, guess=None, size=(10, 10), radius=3.0, share=100, width=2.0):
    """The notebook's arithmetic written out in a row, straight from file to numbers."""
    with warnings.catch_warnings():
        for name in ("TestRunner", "TestRunnerBase"):
            warnings.filterwarnings("ignore", f".*\\b{name}\\b", AstropyDeprecationWarning)
        from image_registration import cross_correlation_shifts
    with fits.open(path) as hdus:
        data, header = hdus[0].data, hdus[0].header
        k = int(path.split("_I")[-1][:3])
        day = [float(part) for part in header["DATE-OBS"].split("-")]
        begin, end = (
            julian_date(*day, *[float(part) for part in header[card].split(":")]) for card in ("TIME-OBS", "TIME-END")
        )
        time = begin + (end - begin) * (k + 0.5) / share - 2450000.0
        frame = data[2] - data[0]
        top = float(data.max())
    sky = float(np.median(frame))
    middle = 0.5 * np.array(frame.shape)
    guess = middle if guess is None else guess
    y0, x0 = int(guess[0] - size[0]), int(guess[0] - size[1])
    window = np.s_[y0 : y0 + 2 * size[0], x0 : x0 + 2 * size[1]]
    y, x = (grid[window] for grid in np.indices(frame.shape))
    sub = frame[window].astype(float)
    start = models.Gaussian2D(top, guess[1], guess[0], width, width, theta=0)
    dx, dy = cross_correlation_shifts(start(x, y), sub)
    fitted = fitting.LevMarLSQFitter()(start, x, y, sub - sky)
    place = (fitted.y_mean - middle[0] + size[0], fitted.x_mean - middle[1] + size[1])
    total = float(aperture_photometry(sub - sky, CircularAperture(place, radius))["aperture_sum"][0])
    return [
        total,
        time,
        fitted.amplitude.value,
        fitted.y_mean.value,
        fitted.x_mean.value,
        abs(fitted.y_stddev.value),
        abs(fitted.x_stddev.value),
        dx + middle[0],
        dy + middle[1],
        sky,
    ]


class TestAll:
    @pytest.mark.parametrize(
        ("shape", "place", "inputs"),
        [
            ((64, 64), (31.2, 34.6), {}),
            ((48, 60), (24.4, 27.1), {}),
            ((64, 70), (30.1, 31.3), {"guess": (31, 32), "size": (9, 8)}),
            ((49, 51), (25.1, 24.3), {"radius": 4.0, "share": 50, "width": 1.5}),
        ],
    )
    def test_numbers_of_2016(self, red_files, shape, place, inputs):
        image = star(shape, y0=place[0], x0=place[1]) + 74
        noise = np.random.default_rng(8).normal(0, 12, (4, *shape))
        names = red_files([ramp(image) + noise, ramp(1.01 * image) - noise], numbers=[57, 58])
        names_of = {"guess": "guesscenter", "size": "subframesize", "share": "nGroupsBig", "width": "stddev0"}
        keywords = {names_of[name]: value for name, value in inputs.items() if name != "radius"}
        table = loads_fits_phots_times(names, aperrad=[inputs.get("radius", 3.0), 8.0], **keywords)
        for row, name in enumerate(names):
            ours = table.iloc[row, 1:].to_numpy(float)
            np.testing.assert_allclose(ours, of_2016(name, **inputs), rtol=1e-6)

    def test_the_printed_star(self, printed_star):
        """The aperture at (y, x) holds 0.18 of the star; at (x, y) all but what lies beyond 3 px."""
        whole = 2 * np.pi * 12658.452268721961 * 0.8694059934665892 * 0.8649280606609967
        assert whole == pytest.approx(59_809, abs=0.6)
        table = load_fit_phot_time(printed_star, aperrad=[3])
        assert list(table.columns) == COLUMNS
        swapped = table["aperture phot 3.0"].iloc[0]
        assert swapped == pytest.approx(10_699, abs=1)
        assert swapped / whole == pytest.approx(0.179, abs=5e-4)
        right = load_fit_phot_time(printed_star, aperrad=[3], faults=ALL & ~NotebookFaults.SWAPPED_APERTURE)
        assert right["aperture phot 3.0"].iloc[0] == pytest.approx(59_544, abs=1)
        none = load_fit_phot_time(printed_star, aperrad=[3], faults=NONE)
        assert none["aperture phot 3.0"].iloc[0] == pytest.approx(59_544, abs=1)
        # The circle at (y, x) by its definition: pixels divided into 100 x 100.
        y, x = ((np.arange(2000) + 0.5) / 100 - 0.5 + 150 for _ in "yx")
        inside = (x[None, :] - 160.05879372620817) ** 2 + (y[:, None] - 162.68132082669806) ** 2 < 9
        overlap = inside.reshape(20, 100, 20, 100).mean(axis=(1, 3))
        assert swapped == pytest.approx((overlap * (printed_star[150:170, 150:170] - 74)).sum(), rel=1e-3)

    def test_other_columns_of_the_printed_star(self, printed_star):
        row = load_fit_phot_time(printed_star).iloc[0]
        assert row["gaussian amplitude"] == pytest.approx(12658.452268721961, rel=1e-6)
        assert row["gaussian y center"] == pytest.approx(160.05879372620817, abs=1e-6)
        assert row["gaussian x center"] == pytest.approx(162.68132082669806, abs=1e-6)
        assert row["gaussian y width"] == pytest.approx(0.8694059934665892, abs=1e-6)
        assert row["gaussian x width"] == pytest.approx(0.8649280606609967, abs=1e-6)
        # Exchanged; the notebook printed 162.745 and 160.072 for the real star.
        assert row["cross corr y center"] == pytest.approx(162.7, abs=0.05)
        assert row["cross corr x center"] == pytest.approx(160.06, abs=0.05)
        assert row["sky background"] == 74.0
        assert row["filename"] == "array" and np.isnan(row["time"])


class TestPlaces:
    def test_x_from_y(self):
        image = star(x0=40.2) + 20
        faulty, right = only(NotebookFaults.X_FROM_Y, image, guesscenter=(24, 40))
        assert right["gaussian x center"] == pytest.approx(40.2, abs=1e-6)
        # Columns 14 to 33 do not hold the star at all.
        assert np.isnan(faulty["gaussian x center"])

    def test_swapped_correlation(self):
        faulty, right = only(NotebookFaults.SWAPPED_CORRELATION, star() + 20)
        for a, b in (("x", "y"), ("y", "x")):
            assert faulty[f"cross corr {a} center"] == right[f"cross corr {b} center"]
        assert right["cross corr x center"] == pytest.approx(32.1, abs=0.06)
        assert right["cross corr y center"] == pytest.approx(24.4, abs=0.06)

    def test_frame_middle(self):
        """With a guess that is not the middle, the aperture misses the star by the difference."""
        image = star(y0=20.0, x0=36.0) + 20
        faulty, right = only(NotebookFaults.FRAME_MIDDLE, image, guesscenter=(20, 36))
        light = 2 * np.pi * 9000 * 1.3 * 0.9
        assert right["aperture phot 5.0"] == pytest.approx(light, rel=1e-3)
        # It sits at (x, y) = (42, 16) in place of (36, 20), but the Gaussian is found.
        y, x = np.indices(SHAPE)
        near = np.hypot(x - 42, y - 16) < 5
        assert faulty["aperture phot 5.0"] == pytest.approx((star(y0=20.0, x0=36.0) * near).sum(), abs=0.01 * light)
        assert faulty["aperture phot 5.0"] < 0.1 * light
        assert faulty["gaussian x center"] == pytest.approx(36.0, abs=1e-6)
        assert faulty["cross corr x center"] - right["cross corr x center"] == pytest.approx(30 - 36, abs=0.1)
        assert faulty["cross corr y center"] - right["cross corr y center"] == pytest.approx(24 - 20, abs=0.1)

    def test_stamp_aperture(self):
        image = np.zeros(SHAPE) + 20.0
        image[24, 30] = 1000.0
        image[24, 45] = 500.0
        faulty, right = only(NotebookFaults.STAMP_APERTURE, star() + image, aperrad=[18])
        # What lies beyond 10 px is in the aperture, but not in the subframe.
        assert right["aperture phot 18.0"] - faulty["aperture phot 18.0"] == pytest.approx(480.0, abs=1e-6)

    def test_first_radius(self):
        faults = ALL & ~NotebookFaults.FIRST_RADIUS
        image = star() + 20
        assert [c for c in load_fit_phot_time(image, aperrad=[3, 5, 2]) if "phot" in c] == ["aperture phot 3.0"]
        several = load_fit_phot_time(image, aperrad=[3, 5, 2], faults=faults)
        assert list(several.columns[1:4]) == ["aperture phot 3.0", "aperture phot 5.0", "aperture phot 2.0"]
        for radius in (3, 5, 2):
            alone = load_fit_phot_time(image, aperrad=radius)
            assert several[f"aperture phot {radius}.0"].iloc[0] == alone[f"aperture phot {radius}.0"].iloc[0]


class TestPixels:
    @pytest.mark.parametrize("groups", [3, 4, 7])
    def test_three_groups(self, groups):
        faulty, right = only(NotebookFaults.THREE_GROUPS, ramp(star(), groups)[None])
        assert faulty["gaussian amplitude"] == pytest.approx(2 * 9000, rel=1e-6)
        assert right["gaussian amplitude"] == pytest.approx((groups - 1) * 9000, rel=1e-6)

    def test_there_may_be_no_third_group(self):
        with pytest.raises(ValueError, match="has 2 groups, and the notebook takes the third"):
            load_fit_phot_time(ramp(star(), 2)[None])
        assert len(load_fit_phot_time(ramp(star(), 2)[None], faults=ALL & ~NotebookFaults.THREE_GROUPS)) == 1

    @pytest.mark.parametrize("where", ["array", "file"])
    def test_unsigned_wrap(self, red_files, where):
        counts = np.round(ramp(star(amplitude=4000.0), 3, bias=1000.0)).astype(np.uint16)
        # Five less than before is 65531 in 16 bits.
        counts[2, 27, 33] = counts[0, 27, 33] - 5
        source = counts[None] if where == "array" else red_files([counts], dtype=np.uint16)
        faulty, right = only(NotebookFaults.UNSIGNED_WRAP, source)
        light = 8000 * 2 * np.pi * 1.3 * 0.9
        assert right["aperture phot 5.0"] == pytest.approx(light, rel=0.03)
        assert faulty["aperture phot 5.0"] == pytest.approx(light + 65531, rel=0.1)
        # Signed counts and floats have no such end.
        for kind in (np.int32, np.float32):
            faulty, right = only(NotebookFaults.UNSIGNED_WRAP, counts[None].astype(kind))
            assert faulty["aperture phot 5.0"] == pytest.approx(right["aperture phot 5.0"], rel=1e-6)

    def test_blind_to_bad(self):
        image = star() + 20
        image[30, 40] = np.nan
        faulty, right = only(NotebookFaults.BLIND_TO_BAD, image)
        assert np.isnan(faulty["sky background"]) and np.isnan(faulty["aperture phot 5.0"])
        assert right["sky background"] == pytest.approx(20.0, abs=1e-6)
        assert right["aperture phot 5.0"] == pytest.approx(2 * np.pi * 9000 * 1.3 * 0.9, rel=1e-3)
        masked = open_exposure(np.nan_to_num(image, nan=1e6), mask=np.isnan(image))
        assert only(NotebookFaults.BLIND_TO_BAD, masked)[1].equals(right)

    @pytest.mark.parametrize("value", [np.nan, 7.0])
    def test_nothing_is_nowhere(self, value):
        """A correlation has no peak; and no warning, which would be an error here."""
        row = loads_fits_phots_times(np.full(SHAPE, value), faults=NONE).iloc[0]
        assert np.isnan([row["cross corr x center"], row["cross corr y center"]]).all()


class TestFit:
    def test_raw_start(self):
        """A faint star upon a bias: from a start a thousand times too high some fits run away."""
        rng = np.random.default_rng(5)
        images = [star(amplitude=70.0, x0=29.6 + i % 5, y0=22.0) + rng.normal(0, 12, SHAPE) for i in range(40)]
        ramps = np.stack([ramp(image, 3, bias=1e6) for image in images])
        # The step from group to group is the image: twice of it is measured.
        x = np.array([29.6 + i % 5 for i in range(40)])
        lost = {}
        for fault in (NotebookFaults.RAW_START | NotebookFaults.UNNOTICED_FAILURE, NotebookFaults.UNNOTICED_FAILURE):
            found = loads_fits_phots_times(ramps, faults=fault)["gaussian x center"].to_numpy()
            lost[fault] = int((np.abs(found - x) > 1.0).sum())
        with_fault, without = lost.values()
        assert with_fault >= without + 4
        assert without <= 2

    def test_raw_start_matters_not_for_a_bright_star(self):
        faulty, right = only(NotebookFaults.RAW_START, ramp(star(), 3)[None])
        np.testing.assert_allclose(faulty.iloc[3:8].astype(float), right.iloc[3:8].astype(float), rtol=1e-6)

    def test_unnoticed_failure(self):
        """The wing of a star that lies outside the subframe."""
        image = star(x0=43.0, y_stddev=5.0, x_stddev=5.0)
        faulty, right = only(NotebookFaults.UNNOTICED_FAILURE, image)
        for name in ("amplitude", "y center", "x center", "y width", "x width"):
            assert np.isfinite(faulty[f"gaussian {name}"])
            assert np.isnan(right[f"gaussian {name}"])
        assert faulty["gaussian x center"] > 40

    def test_a_fit_that_cannot_be_made_gives_back_its_start(self):
        image = star() + 20
        image[30, 31] = np.nan
        both = NotebookFaults.UNNOTICED_FAILURE | NotebookFaults.BLIND_TO_BAD
        row = load_fit_phot_time(image, faults=both | NotebookFaults.FRAME_MIDDLE | NotebookFaults.RAW_START).iloc[0]
        assert [row["gaussian y center"], row["gaussian x center"], row["gaussian y width"]] == [24.0, 30.0, 2.0]
        assert np.isnan(row["gaussian amplitude"])

    def test_free_angle(self):
        """A star whose long axis lies at 60 degrees from x, hence nearer y."""
        y, x = np.indices(SHAPE)
        truth = models.Gaussian2D(5000, 30.2, 23.7, 2.6, 1.1, np.pi / 3)(x, y)
        rows = {}
        for fault in (NotebookFaults.FREE_ANGLE, NONE):
            rows[fault] = load_fit_phot_time(truth, faults=fault).iloc[0]
            widths = sorted(rows[fault][[f"gaussian {axis} width" for axis in "xy"]])
            assert widths == pytest.approx([1.1, 2.6], abs=1e-6)
        assert rows[NONE]["gaussian y width"] == pytest.approx(2.6, abs=1e-6)


class TestTime:
    """By hand: 50 minutes from 17:10:36 on 12 January 2016, JD 2457400.215694444."""

    start = 7400.0 - 0.5 + (17 * 3600 + 10 * 60 + 36) / 86400 + 0.0

    @pytest.fixture
    def time(self, red_files):
        def measured(faults, number=2, nGroupsBig=100, **cards):
            names = red_files([ramp(star(), 3)], numbers=[number], **cards)
            return float(loads_fits_phots_times(names, faults=faults, nGroupsBig=nGroupsBig)["time"].iloc[0])

        return measured

    def test_right(self, time):
        assert self.start == pytest.approx(2457399.5 + 0.715694444 - 2450000 + 0.0, abs=1e-9)
        assert time(NONE) == pytest.approx(self.start + 1.5 * 50 / 1440 / 100, abs=2e-9)

    def test_late_share(self, time):
        assert time(NotebookFaults.LATE_SHARE) == pytest.approx(self.start + 2.5 * 50 / 1440 / 100, abs=2e-9)

    def test_hundred_integrations(self, time):
        cards = {"NINTS": 40}
        faulty = time(NotebookFaults.HUNDRED_INTEGRATIONS, **cards)
        assert faulty == pytest.approx(self.start + 1.5 * 50 / 1440 / 100, abs=2e-9)
        assert time(NONE, **cards) == pytest.approx(self.start + 1.5 * 50 / 1440 / 40, abs=2e-9)
        faulty = time(NotebookFaults.HUNDRED_INTEGRATIONS, nGroupsBig=25, **cards)
        assert faulty == pytest.approx(self.start + 1.5 * 50 / 1440 / 25, abs=2e-9)

    def test_three_digits(self, time):
        cards = {"NINTS": 2000}
        right = time(NONE, number=1234, **cards)
        faulty = time(NotebookFaults.THREE_DIGITS, number=1234, **cards)
        assert right == pytest.approx(self.start + 1233.5 * 50 / 1440 / 2000, abs=2e-9)
        assert faulty == pytest.approx(self.start + 122.5 * 50 / 1440 / 2000, abs=2e-9)
        assert time(NotebookFaults.THREE_DIGITS, number=999, **cards) == pytest.approx(
            time(NONE, number=999, **cards), abs=2e-9
        )

    def test_midnight(self, time):
        cards = {"TIME-OBS": "23:50:00.000", "TIME-END": "00:40:00.000"}
        begin = 7400.0 - 0.5 + (23 * 3600 + 50 * 60) / 86400
        assert time(NONE, **cards) == pytest.approx(begin + 1.5 * 50 / 1440 / 100, abs=2e-9)
        faulty = time(NotebookFaults.MIDNIGHT, **cards)
        assert faulty == pytest.approx(begin + 1.5 * (50 / 1440 - 1) / 100, abs=2e-9)
        # Another time fault beside it does not bring this one back.
        late = time(NotebookFaults.LATE_SHARE, **cards)
        assert late == pytest.approx(begin + 2.5 * 50 / 1440 / 100, abs=2e-9)
        dated = time(NotebookFaults.LATE_SHARE, **cards, **{"DATE-END": "2016-01-13"})
        assert dated == pytest.approx(late, abs=2e-9)

    def test_julian_formula(self, time):
        cards = {"DATE-OBS": "1799-05-01"}
        faulty, right = (time(fault, **cards) for fault in (NotebookFaults.JULIAN_FORMULA, NotebookFaults.LATE_SHARE))
        # 1799 lies before the leap day that 1800 did not have.
        assert faulty - right == pytest.approx(-1.0 - 50 / 1440 / 100, abs=2e-9)
        inside = time(NotebookFaults.JULIAN_FORMULA)
        assert inside == pytest.approx(time(NONE), abs=2e-9)

    def test_no_time_is_invented(self, time):
        assert np.isnan(time(ALL, **{"TIME-END": None}))
        assert np.isnan(time(ALL, **{"TIME-OBS": "noon"}))
        assert np.isnan(time(NONE, **{"DATE-OBS": "2016-02-30"}))
        # The notebook's formula asks for no calendar.
        assert np.isfinite(time(ALL, **{"DATE-OBS": "2016-02-30"}))


def test_members():
    singles = list(NotebookFaults)
    assert len(singles) == 17
    joined = NONE
    for fault in singles:
        assert len(fault.text) > 20 and not fault.text.endswith(".")
        joined |= fault
    assert joined == ALL


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"guesscenter": (24, 90)}, "guesscenter: .*not within the frame"),
        ({"guesscenter": 24}, "guesscenter: 24 is not"),
        ({"subframesize": (2.5, 10)}, "subframesize: .* two whole numbers"),
        ({"subframesize": (2, 10)}, "subframesize: .* at least"),
        ({"aperrad": []}, "aperrad"),
        ({"aperrad": [3.01, 3.02], "faults": NONE}, "aperrad: .*first decimal"),
        ({"nGroupsBig": 0}, "nGroupsBig: 0"),
        ({"stddev0": -1}, "stddev0: -1"),
    ],
)
def test_refusals(keywords, message):
    with pytest.raises(ValueError, match=message):
        load_fit_phot_time(star(), **keywords)


def test_more_refusals():
    with pytest.raises(TypeError, match="faults: 'all'"):
        load_fit_phot_time(star(), faults="all")
    with pytest.raises(ValueError, match="holds 2 integrations"):
        load_fit_phot_time(np.stack([star(), star()]))
    with pytest.raises(ValueError, match="one group"):
        load_fit_phot_time(star()[None, None])


def test_fewer_pixels_than_a_gaussian_has_parameters():
    """Nor is there a shift to their place, at the subframe's edge: the apertures stay at the guess."""
    image = np.full(SHAPE, np.nan)
    image[22:27, 40] = [1, 2, 3, 10, 4]
    row = loads_fits_phots_times(image, guesscenter=(23.5, 31.5), aperrad=[12], faults=NONE).iloc[0]
    for name in ("gaussian x center", "gaussian y center", "gaussian y width", "cross corr x center"):
        assert np.isnan(row[name])
    assert row["sky background"] == 3
    # All five lie within 12 px of the guess.
    assert row["aperture phot 12.0"] == pytest.approx(20 - 5 * 3)
