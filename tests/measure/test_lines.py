import numpy as np
import pytest

from nircam_tso.measure.lines import detector_lines, line_chords


def test_lines_of_a_frame():
    slot, ends = detector_lines((3, 6), "row", [-2, 0, 4, 9])
    np.testing.assert_array_equal(slot, [0, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(ends, [True, True, True])
    slot, ends = detector_lines((3, 4), "column", [1, 7])
    np.testing.assert_array_equal(slot, [0, 1, 2, 3])
    np.testing.assert_array_equal(ends, [True, False, False])
    assert detector_lines((3, 4)) == (None, None)


@pytest.mark.parametrize(
    ("along", "edges", "message"),
    [
        ("diagonal", None, "along: 'diagonal' is neither"),
        (None, [3], "edges: given without along"),
        ("row", [3, 3], "edges: .* not whole numbers in increasing order"),
        ("row", [2.5], "edges: .* not whole numbers"),
        ("column", 3, "edges: 3 are not whole numbers"),
        ("column", [[3], [4]], "edges: have shape"),
    ],
)
def test_wrong_lines_are_refused(along, edges, message):
    with pytest.raises(ValueError, match=message):
        detector_lines((5, 6), along, edges)


def test_chords_by_hand():
    weights = np.arange(12.0).reshape(1, 3, 4)
    # Rows hold 6, 22, 38; their halves 1 + 5, 9 + 13, 17 + 21.
    np.testing.assert_array_equal(line_chords(weights, "row"), [36 + 484 + 1444])
    np.testing.assert_array_equal(line_chords(weights, "row", [0, 2, 4]), [1 + 25 + 81 + 169 + 289 + 441])
    # Columns hold 12, 15, 18, 21; without their last pixel 4, 6, 8, 10.
    np.testing.assert_array_equal(line_chords(weights, "column"), [144 + 225 + 324 + 441])
    own = line_chords(np.repeat(weights, 2, axis=0), "column", [[-1, 2], [3, 9]])
    np.testing.assert_array_equal(own, [16 + 36 + 64 + 100 + 64 + 81 + 100 + 121, 144 + 225 + 324 + 441])
    assert line_chords(weights) is None


def test_chords_are_the_variance_that_lines_of_noise_leave():
    rng = np.random.default_rng(20160611)
    weights = rng.uniform(0, 1, (9, 14))
    noise = rng.normal(0, 2.5, (20000, 9, 2))
    sums = (np.repeat(noise, [5, 9], axis=2) * weights).sum(axis=(1, 2))
    expected = 2.5**2 * line_chords(weights[None], "row", [5])[0]
    assert sums.var() == pytest.approx(expected, rel=3.5 * np.sqrt(2 / 20000))
