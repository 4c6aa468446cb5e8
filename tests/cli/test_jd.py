"""``nircam-tso jd``: dates in, Julian dates out, and the other way round."""

import contextlib
import os
import subprocess
import sys
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nircam_tso.cli.jd import FORMATS, read_moment, write_moment
from nircam_tso.cli.main import main


@pytest.fixture
def jd(capsys):
    """Run the command; the lines that it prints."""

    def run(*args):
        assert main(["jd", *args]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out.splitlines()

    return run


def test_there_and_back(jd):
    # 64843 / 86400 = 0.75049768518518...
    assert jd("2016-01-12T18:00:43") == ["2457400.250497685185185"]
    assert jd("2457400.250497685185185") == ["2016-01-12T18:00:43"]
    assert jd("2457400.25") == ["2016-01-12T18:00:00"]


def test_several_of_both_kinds(jd):
    lines = jd("2016-01-12 18:00", "2457400.25", "2016-01-12T11:00-0700", " MJD 57399.75", "mjd57399.75", "JD0")
    assert lines == [
        "2457400.25",
        "2016-01-12T18:00:00",
        "2457400.25",
        "2016-01-12T18:00:00",
        "2016-01-12T18:00:00",
        "-4713-11-24T12:00:00",
    ]
    assert jd("2457399.5 0.75", "2457399.5, .75", "24574e2 0.25") == ["2016-01-12T18:00:00"] * 3


def test_the_first_and_the_last_day(jd):
    # The midnight before the first number that can be converted lies beyond it.
    assert jd("-3.6e8", "-360000000", "360000000") == ["-990359-05-17T12:00:00"] * 2 + ["980934-06-03T12:00:00"]
    assert jd("--format", "doy", "-3.6e8") == ["-990359-137T12:00:00"]
    assert jd("--format", "two-part", "-3.6e8") == ["-360000000.5 0.5"]


def test_eight_digits_that_form_no_date_are_a_number(jd):
    assert jd("20161312", "20150229", "20160100", "20160112.0", "2016011") == jd(
        "JD20161312", "JD20150229", "JD20160100", "JD20160112", "JD2016011"
    )


@pytest.mark.parametrize("text", ["20160112", " 20160229 ", "10000101"])
def test_eight_digits_that_form_a_date_may_be_either(capsys, text):
    assert main(["jd", text]) == 2
    digits = text.strip()
    assert f"write {digits[:4]}-{digits[4:6]}-{digits[6:]} or JD{digits}" in capsys.readouterr().err


def test_before_christ(jd):
    assert jd("-4712-01-01T12:00", "--calendar", "julian") == ["0.0"]
    assert jd("--calendar", "mixed", "-4712-01-01T12:00", "-0.5", "-.5", "-365") == [
        "0.0",
        "-4712-01-01T00:00:00",
        "-4712-01-01T00:00:00",
        "-4713-01-01T12:00:00",
    ]
    assert jd("--", "-4713-11-24T12:00", "-4713-11-24 11:59:59") == ["0.0", "-0.000011574074074"]
    assert jd("-4713-11-24 11:59:59", "--format", "mjd") == ["-2400000.500011574074074"]


def test_calendars(jd):
    # Meeus, Astronomical Algorithms, chapter 7.
    assert jd("--calendar", "julian", "0333-01-27T12:00") == ["1842713.0"]
    assert jd("--calendar", "mixed", "1582-10-04", "1582-10-15", "2299159.5") == [
        "2299159.5",
        "2299160.5",
        "1582-10-04T00:00:00",
    ]
    assert jd("1582-10-04") == ["2299149.5"]
    assert jd("--calendar", "mixed", "--format", "doy", "1582-10-15") == ["1582-278T00:00:00"]
    assert jd("--calendar", "mixed", "--format", "year", "1582-10-15") == ["1582.78028169014084507"]  # 277 / 355


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        # 64843.123456789 / 86400 = 0.750499114083206...
        ("jd", "2457400.250499114083206"),
        ("mjd", "57399.750499114083206"),
        ("two-part", "2457399.5 0.750499114083206"),
        ("iso", "2016-01-12T18:00:43.123456789"),
        ("doy", "2016-012T18:00:43.123456789"),
        # (11 + 0.750499114083206...) / 366
        ("year", "2016.03210518883629291"),
    ],
)
def test_formats_print_dates_and_numbers_alike(jd, form, expected):
    assert jd("--format", form, "2016-01-12T18:00:43.123456789") == [expected]
    first, fraction = jd("--format", "two-part", "2016-01-12T18:00:43.123456789")[0].split()
    assert jd("--format", form, f"{first} {fraction}") == [expected]


@given(st.integers(-(10**6), 6 * 10**6), st.integers(0, 86_400 * 10**9 - 1))
def test_no_nanosecond_is_lost(day, nanoseconds):
    moment = day - Fraction(1, 2) + Fraction(nanoseconds, 86_400 * 10**9)
    date = write_moment(moment, "iso", "mixed")
    for form, prefix in (("jd", ""), ("mjd", "MJD"), ("two-part", "")):
        text = prefix + write_moment(moment, form, "mixed")
        back, was_date = read_moment(text, "mixed")
        assert not was_date
        assert abs(back - moment) * 86_400 * 10**9 < Fraction(1, 5)
        assert write_moment(back, "iso", "mixed") == date
    back, was_date = read_moment(date, "mixed")
    assert was_date
    assert abs(back - moment) * 86_400 * 10**9 < Fraction(1, 5)


def test_more_digits_than_a_float_holds(jd):
    # One float64 would make this 2457400.25.
    assert jd("2457400.25000000001157407407407407407") == ["2016-01-12T18:00:00.000001"]
    assert jd("--format", "jd", "2457400.2500000000115740740740") == ["2457400.250000000011574"]


def test_leap_second(jd):
    assert jd("2016-12-31T23:59:60", "2016-12-31T23:59:60Z", "2017-01-01") == ["2457754.5"] * 3


def test_now(jd):
    (line,) = jd()
    assert float(line) == pytest.approx(time.time() / 86400 + 2440587.5, abs=1e-3)
    (line,) = jd("--format", "iso")
    assert abs(read_moment(line, "mixed")[0] - Fraction(time.time()) / 86400 - Fraction("2440587.5")) < 1e-3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2016-13-01", "month: 13 is not 1 to 12"),
        ("1900-02-29", "day: 29 is not a day of that month"),
        ("2016-12-30T23:59:60", "second: 60 is not 0 to 59"),
        ("2016-01-12T24:00", "hour: 24"),
        ("junk", "neither a date"),
        ("", "neither a date"),
        ("nan", "neither a date"),
        ("inf", "neither a date"),
        ("12 34 56", "neither a date"),
        ("\uff12\uff10", "neither a date"),
        ("1e999999999", "neither a date"),
        ("1e99", "is not within"),
        ("9" * 400, "is not within"),
        ("360000001", "is not within"),
        # A decimal comma is no sum.
        ("2457400,25", "neither a date"),
        ("360000000.5", "is not within"),
        ("MJD 2016-01-12", "neither a date"),
        ("2016-01-12\x1b[31m", "neither a date"),
    ],
)
def test_one_bad_argument(capsys, text, message):
    # Among good ones, of which nothing is printed.
    assert main(["jd", "2457400.25", text, "2016-01-12"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"nircam-tso: {text!r}: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err


@given(st.one_of(st.text(), st.from_regex(r"[-+]?[0-9.eMJD:TZ -]{1,30}", fullmatch=True)))
def test_any_text_is_read_or_refused(text):
    # Nothing else may be raised.
    with contextlib.suppress(ValueError):
        moment, _ = read_moment(text, "mixed")
        for form in FORMATS:
            assert write_moment(moment, form, "mixed").isascii()


def test_ten_days_that_were_left_out(capsys):
    assert main(["jd", "--calendar", "mixed", "1582-10-10"]) == 2
    assert "one of the ten days left out" in capsys.readouterr().err


def test_debug_shows_where(capsys):
    assert main(["jd", "junk", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_unknown_options(capsys):
    for args in (["--calendar", "maya"], ["--format", "gps"], ["-x"]):
        with pytest.raises(SystemExit) as stop:
            main(["jd", *args])
        assert stop.value.code == 2
    capsys.readouterr()


def test_help_tells_every_format(capsys):
    with pytest.raises(SystemExit):
        main(["jd", "--help"])
    out = capsys.readouterr().out
    for form in FORMATS:
        assert f"\n  {form} " in out
    # The examples of the help are true.
    for form in FORMATS:
        shown = next(line for line in out.splitlines() if line.startswith(f"  {form} "))
        moment, _ = read_moment("2016-01-12T18:00:43", "mixed")
        assert shown.split(maxsplit=1)[1].split(",")[0] == write_moment(moment, form, "mixed")


def test_answers_at_once():
    """Nothing that takes its time is read."""
    code = (
        "import sys\nfrom nircam_tso.cli.main import main\n"
        "main(['jd', '2016-01-12T18:00:43', '2457400.25'])\n"
        "heavy = {'numba', 'scipy', 'pandas', 'photutils', 'astropy.units', 'astropy.time', 'h5py', 'erfa'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    root = str(os.path.dirname(os.path.dirname(sys.modules["nircam_tso"].__file__)))
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["2457400.250497685185185", "2016-01-12T18:00:00"]


def test_unknown_options_show_the_usage_of_jd_itself(capsys):
    for args in (["-x"], ["--quiet", "2457400"]):
        with pytest.raises(SystemExit) as stop:
            main(["jd", *args])
        err = capsys.readouterr().err
        assert stop.value.code == 2 and err.startswith("usage: nircam-tso jd ") and args[0] in err
