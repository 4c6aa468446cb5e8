"""The report in a real browser, without a window and without a network.

Needs the Python package playwright and a Chromium: the one that NIRCAM_TSO_CHROMIUM names, else
chromium or google-chrome on the PATH, else playwright's own. Screenshots go to the folder that
NIRCAM_TSO_ARTIFACTS names, else to pytest's temporary one.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u

from nircam_tso.inspect.report import write_report
from nircam_tso.inspect.statistics import allan, bin, scatter  # noqa: A004
from nircam_tso.quality import QualityFlag, good

pytest.importorskip("bokeh", reason="bokeh is not installed (extra report)")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra test)")
pytestmark = pytest.mark.slow

EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
N = 400


@pytest.fixture(scope="session")
def browser():
    found = os.environ.get("NIRCAM_TSO_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    # Without a graphics card WebGL is drawn in software; as root a sandbox cannot be had.
    args = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    if os.name == "posix" and os.geteuid() == 0:
        args.append("--no-sandbox")
    with sync_api.sync_playwright() as playwright:
        try:
            one = playwright.chromium.launch(executable_path=found, args=args)
        except sync_api.Error as error:
            pytest.skip(f"no Chromium can be started ({str(error).splitlines()[0]}); NIRCAM_TSO_CHROMIUM can name one")
        yield one
        one.close()


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    folder = Path(os.environ.get("NIRCAM_TSO_ARTIFACTS") or tmp_path_factory.mktemp("artifacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def ts(report_series):
    """A transit-free product with an outage, flags of three kinds, and a mask whose name is an attack."""
    ts = report_series(N, radii=(3, 5, 8), gap=True)
    ts["quality"][[20, 21, 300]] |= np.uint32(QualityFlag.FIT_FAILED)
    ts["quality"][50] |= np.uint32(QualityFlag.NO_DATA)
    ts["quality"][::7] |= np.uint32(QualityFlag.JUMP_DET)
    ts["aperture_sum_r3"][50] = np.nan * u.DN
    ts[f"aperture_sum_</script>{EVIL}"] = ts["aperture_sum_r5"] * 2
    ts.meta |= {"target": f"WASP-80</h1></script>{EVIL}", "notes": EVIL, EVIL: "</table>", "filter": "$$x$$"}
    ts.meta["provenance"] = '{"settings": {}, "notes": "</pre>' + EVIL + '"}'
    return ts


class Page:
    """A page that was opened, and what it complained of and asked for."""

    def __init__(self, browser, path, **options):
        self.page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        self.complaints, self.requests = [], []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(Path(path).resolve().as_uri())
        self.page.wait_for_selector("body[data-ready=true]", timeout=120_000)
        self.settle()

    def _hear(self, message):
        # A software renderer tells of its own slowness.
        if message.type in ("error", "warning") and "GL Driver Message" not in message.text:
            self.complaints.append(f"{message.type} {message.text}")

    def settle(self):
        frame = "new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"
        self.page.evaluate(f"async () => {{ for (let i = 0; i < 4; i++) await {frame}; }}")

    def get(self, expression):
        return self.page.evaluate(f"(() => {{ const doc = Bokeh.documents[0]; return {expression}; }})()")

    def column(self, source, name):
        values = self.get(f"Array.from(doc.get_model_by_name('{source}').get_column('{name}'), String)")
        return np.array([float(value) for value in values])

    @property
    def selected(self):
        return np.sort(self.get("doc.get_model_by_name('rows').selected.indices"))

    def picture(self, name):
        self.page.locator(f"#{name}").scroll_into_view_if_needed()
        self.settle()
        return self.page.locator(f"#{name}").screenshot()

    def drag(self, name, start, stop):
        """Drag from one place to another, as shares of the plot's frame, y from the top."""
        self.page.locator(f"#{name}").scroll_into_view_if_needed()
        # What sticks to the top of the window would be dragged over.
        self.page.evaluate(
            "(id) => window.scrollBy(0, document.getElementById(id).getBoundingClientRect().top - 250)", name
        )
        self.settle()
        box = self.page.locator(f"#{name}").bounding_box()
        inner = self.get(
            f"(() => {{ const view = Bokeh.index.find_one_by_id(doc.get_model_by_name('{name}').id);"
            " const f = view.frame.bbox; return [f.left, f.top, f.width, f.height]; })()"
        )
        points = [(box["x"] + inner[0] + x * inner[2], box["y"] + inner[1] + y * inner[3]) for x, y in (start, stop)]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        self.page.mouse.move(*points[1], steps=8)
        self.page.mouse.up()
        self.settle()


@pytest.fixture(scope="module")
def opened(browser, ts, tmp_path_factory):
    path = write_report(ts, tmp_path_factory.mktemp("report") / "lc.html")
    one = Page(browser, path)
    yield one
    one.page.close()


@pytest.fixture
def page(opened):
    """The page as it is at first."""
    opened.page.reload()
    opened.page.wait_for_selector("body[data-ready=true]", timeout=120_000)
    opened.settle()
    yield opened
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_loads_in_silence_and_without_a_network(page, artifacts):
    page.page.screenshot(path=artifacts / "report_light.png", full_page=True)
    assert (artifacts / "report_light.png").stat().st_size > 20_000
    assert "forbids" not in page.page.content()
    # The policy of the page itself refuses what no test could list.
    refused = page.page.evaluate("fetch('https://example.org/').then(() => 'answered', (error) => 'refused')")
    assert refused == "refused"
    page.complaints.clear()
    page.requests.clear()


def test_header_strings_are_text(page):
    assert page.get("window.hacked === undefined")
    assert EVIL in page.page.locator("h1").inner_text()
    assert EVIL in page.page.locator("#aperture").inner_text()
    assert page.page.locator("img").count() == 0
    # The libraries, the data and the behaviour; nothing that a header brought.
    assert page.page.locator("script:not([type])").count() == page.get("document.scripts.length") - 2
    assert page.page.locator("#summary, #quality, #provenance").count() == 3
    page.page.locator("#aperture").select_option(index=3)
    page.settle()
    assert EVIL in page.page.locator("#flux-caption").inner_text()
    assert page.get("window.hacked === undefined")


def test_a_script_that_slipped_in_would_not_run(page):
    page.page.evaluate(
        "() => { const one = document.createElement('script'); one.textContent = 'window.hacked = 3';"
        " document.body.append(one); }"
    )
    assert page.get("window.hacked === undefined")
    assert any("Content Security Policy" in text for text in page.complaints)
    page.complaints.clear()


def test_aperture_changes_the_curve(page, ts):
    before = page.picture("flux")
    for index, radius in enumerate((3, 5, 8)):
        page.page.locator("#aperture").select_option(index=index)
        page.settle()
        flux = ts[f"aperture_sum_r{radius}"].value
        expected = (flux / np.median(flux[good(ts)]) - 1) * 1e6
        np.testing.assert_allclose(page.column("rows", "flux"), expected, rtol=1e-5, atol=1e-2)
        np.testing.assert_array_equal(page.column("rows", "m0"), page.column("rows", "flux"))
        assert f"aperture_sum_r{radius}" in page.page.locator("#flux-caption").inner_text()
        told = scatter(ts, f"aperture_sum_r{radius}").ppm
        assert f"point-to-point scatter {told:,.0f} ppm" in page.page.locator("#status").inner_text()
    assert page.picture("flux") != before


@pytest.mark.parametrize("place", [6, 25, 44])
def test_bins(page, ts, place):
    page.page.locator("#aperture").select_option(index=0)
    page.page.locator("#bin").fill(str(place))
    page.settle()
    size = int(page.page.locator("#bin-text").inner_text().split()[0])
    assert size > 1
    expected = bin(ts, size=size)
    level = np.median(ts["aperture_sum_r3"].value[good(ts)])
    y, low = page.column("binned", "y"), page.column("binned", "low")
    np.testing.assert_allclose(y, (expected["aperture_sum_r3"].value / level - 1) * 1e6, atol=0.01)
    np.testing.assert_allclose(y - low, expected["aperture_sum_err_r3"].value / level * 1e6, rtol=1e-5)
    hours = (expected["time"] - ts["time"][0]).to_value(u.hour)
    np.testing.assert_allclose(page.column("binned", "x"), hours, atol=1e-9)


def test_scatter_against_bin_size(page, ts):
    page.page.locator("#aperture").select_option(index=1)
    page.settle()
    expected = allan(ts, "aperture_sum_r5")
    np.testing.assert_array_equal(page.column("allan-data", "size"), expected.size)
    np.testing.assert_allclose(page.column("allan-data", "ppm"), expected.ppm, rtol=1e-5)
    np.testing.assert_allclose(page.column("allan-data", "white"), expected.white_ppm, rtol=1e-5)
    np.testing.assert_allclose(page.column("allan-data", "high") - expected.ppm, expected.error_ppm, rtol=1e-3)
    page.get("doc.get_model_by_name('rows').selected.indices = Array.from({length: 100}, (_, i) => 150 + i)")
    page.settle()
    rows = np.isin(np.arange(N), np.arange(150, 250))
    np.testing.assert_allclose(page.column("allan-data", "ppm"), allan(ts, "aperture_sum_r5", rows=rows).ppm, rtol=1e-4)


def test_brushing_selects_in_all(page, ts, artifacts):
    others = ["panel-0", "panel-4", "matrix-2-1", "matrix-1-1"]
    before = {name: page.picture(name) for name in others}
    assert all(page.picture(name) == before[name] for name in others)
    page.drag("flux", (0.25, 0.02), (0.5, 0.98))
    x = page.column("rows", "x")
    low, high = page.get("(() => { const r = doc.get_model_by_name('time-range'); return [r.start, r.end]; })()")
    share = (x - low) / (high - low)
    inside = (share > 0.25) & (share < 0.5)
    selected = page.selected
    # All of them but those whose fluxes the frame does not hold, and one at each edge.
    assert len(selected) > 60
    assert np.count_nonzero(~np.isin(np.flatnonzero(inside), selected)) <= 4
    assert np.count_nonzero(~inside[selected]) <= 2
    assert f"Selected: {len(selected)} rows" in page.page.locator("#status").inner_text()
    for name in others:
        assert page.picture(name) != before[name], name
    page.page.screenshot(path=artifacts / "report_brushed.png", full_page=True)
    page.page.locator("#clear").click()
    page.settle()
    assert len(page.selected) == 0


def test_brushing_in_the_matrix(page, ts):
    """A box over the right half of x_gauss against flux holds the rows with more flux than the middle of the axis."""
    before = page.picture("flux")
    page.drag("matrix-1-0", (0.5, 0.01), (0.99, 0.99))
    flux = page.column("rows", "flux")
    middle = page.get("(() => { const r = doc.get_model_by_name('matrix-range-0'); return (r.start + r.end) / 2; })()")
    selected = page.selected
    assert 60 < len(selected) < N - 60
    assert flux[selected].min() > middle - 40
    assert page.picture("flux") != before


def test_quality_toggles(page, ts):
    def shown(name):
        return np.flatnonzero(page.get(f"doc.get_model_by_name('{name}').booleans"))

    np.testing.assert_array_equal(shown("used"), np.flatnonzero(good(ts)))
    np.testing.assert_array_equal(shown("left"), np.flatnonzero(~good(ts)))
    page.page.locator("input[data-bit='64']").check()
    page.page.locator("input[data-bit='32']").uncheck()
    page.page.locator("#show-left").uncheck()
    page.settle()
    quality = np.asarray(ts["quality"])
    np.testing.assert_array_equal(shown("used"), np.flatnonzero((quality & ~np.uint32(64)) == 0))
    assert shown("left").size == 0


def test_table_jumps_to_the_row(page, ts):
    page.page.locator("#flag-filter").select_option("64")
    lines = page.page.locator("#flag-rows tr")
    assert [lines.nth(i).locator("td").first.inner_text() for i in range(lines.count())] == [
        "row 20",
        "row 21",
        "row 300",
    ]
    page.page.locator("#flag-rows button", has_text="row 300").click()
    page.settle()
    np.testing.assert_array_equal(page.selected, [300])
    start, end, mark = page.get(
        "(() => { const r = doc.get_model_by_name('time-range');"
        " return [r.start, r.end, doc.get_model_by_name('mark-panel-1').location]; })()"
    )
    x = page.column("rows", "x")
    assert mark == pytest.approx(x[300]) and start < x[300] < end
    assert end - start < 0.5 * np.ptp(x)
    page.page.locator("#reset").click()
    page.settle()
    assert page.get("doc.get_model_by_name('time-range').end") > x.max()


def test_matrix_of_other_columns(page, ts):
    page.page.locator("select[data-slot='2']").select_option(label="background [DN]")
    page.settle()
    background = ts["background"].value
    np.testing.assert_allclose(page.column("rows", "m2"), background - np.median(background), atol=1e-5)
    ok = good(ts)
    r = np.corrcoef(background[ok], ts["aperture_sum_r3"].value[ok])[0, 1]
    page.page.locator("#aperture").select_option(index=0)
    page.settle()
    assert page.page.locator("#r-0-2").inner_text() == f"r = {r:.2f}"


def test_drag_modes(page):
    before = page.get("doc.get_model_by_name('time-range').start")
    page.page.locator("input[value=PanTool]").check()
    page.drag("panel-1", (0.6, 0.5), (0.4, 0.5))
    assert page.get("doc.get_model_by_name('time-range').start") > before
    assert len(page.selected) == 0


@pytest.mark.parametrize(("n", "radii"), [(1, 3), (10, 3), (20_000, 30)])
def test_sizes_and_darkness(browser, report_series, tmp_path, artifacts, n, radii):
    path = write_report(report_series(n, radii=range(2, 2 + radii)), tmp_path / "lc.html")
    one = Page(browser, path, color_scheme="dark")
    try:
        one.page.screenshot(path=artifacts / f"report_dark_{n}.png", full_page=True)
        assert one.complaints == []
        assert one.get("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
        assert one.column("rows", "flux").size == n
    finally:
        one.page.close()


def test_unknown_times_and_values(browser, report_series, tmp_path):
    ts = report_series(30, radii=(3,))
    ts["time"][:] = np.ma.masked
    ts["x_gauss"][:] = np.nan * u.pix
    ts["aperture_sum_r3"][:] = np.nan * u.DN
    ts.remove_column("aperture_sum_err_r3")
    one = Page(browser, write_report(ts, tmp_path / "lc.html"))
    try:
        assert one.complaints == []
        np.testing.assert_array_equal(one.column("rows", "x"), np.arange(30))
        assert "number of the row" in one.page.locator("#light-curve").inner_text()
    finally:
        one.page.close()
