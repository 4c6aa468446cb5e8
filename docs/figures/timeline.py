"""Draw an exposure in time; every moment comes from the package's own functions."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from nircam_tso.io.exposure import Exposure, Segment
from nircam_tso.timing import Readout, exposure_times
from nircam_tso.timing.clock import mjd_to_tai, time_to_tai

FRAME = 10.0
CARDS = {
    "TELESCOP": "JWST",
    "EXPSTART": 59800.0,
    "TFRAME": FRAME,
    "NINTS": 3,
    "NGROUPS": 3,
    "NFRAMES": 2,
    "GROUPGAP": 1,
    "DRPFRMS1": 1,
    "NRSTSTRT": 2,
    "NRESETS": 1,
}
# Four files of a ground test, whose integrations of 80 s begin nobody knows when within their shares.
GROUND = {
    "DATE-OBS": "2019-12-11",
    "TIME-OBS": "12:00:00",
    "TIME-END": "12:08:00",
    "TFRAME": FRAME,
    "NGROUPS": 3,
    "NFRAMES": 2,
    "GROUPGAP": 1,
}
# Okabe and Ito's colours, which everyone can tell apart; hatches say the same in grey.
READ, GAP, RESET, DROPPED, LINE, STEP = "#0072B2", "#D9E8F2", "#F0E3C0", "#FFFFFF", "#000000", "#D55E00"


def frames_after(times, mjd=CARDS["EXPSTART"]):
    """Moments as frames since the start of the exposure."""
    day, seconds = time_to_tai(times)
    start_day, start = mjd_to_tai(mjd)
    return ((day - start_day) * 86400 + seconds - start) / FRAME


def box(axes, begin, length, y, height, color, **more):
    axes.add_patch(Rectangle((begin, y), length, height, facecolor=color, edgecolor="black", linewidth=0.7, **more))


def mark(axes, x, top, bottom, label, color=LINE, **more):
    """A line down to a moment, and its name above or, aligned to the left or right, beside its upper end."""
    axes.plot([x, x], [bottom, top], color=color, linewidth=1, zorder=3, solid_capstyle="butt")
    beside = {"left": 0.12, "right": -0.12}.get(more.get("ha"), 0.0)
    axes.text(x + beside, top - 0.2 if beside else top + 0.06, label, color=color, **{"ha": "center", **more})


def frames(axes, readout, begin, y, height):
    """The frames of an integration: those dropped, read, and skipped between groups."""
    for i in range(readout.drpfrms1):
        box(axes, begin + i, 1, y, height, DROPPED, hatch="..")
    for group in range(readout.ngroups):
        for i in range(readout.group_frames if group < readout.ngroups - 1 else readout.nframes):
            at = begin + readout.drpfrms1 + group * readout.group_frames + i
            box(axes, at, 1, y, height, READ if i < readout.nframes else GAP)


def brace(axes, begin, end, y, label):
    axes.annotate("", (begin, y), (end, y), arrowprops={"arrowstyle": "<->", "lw": 0.9, "shrinkA": 0, "shrinkB": 0})
    axes.text(0.5 * (begin + end), y - 0.08, label, ha="center", va="top")


header = fits.Header(CARDS)
readout = Readout.from_header(header)
segment = Segment("one.fits", None, "jwst-uncal", header, readout.nints, readout.ngroups, (64, 64))
whole = exposure_times(Exposure([segment]))
steps = exposure_times(Exposure([segment]), ramp="groups")
start, middle, end = (frames_after(times) for times in (whole.start, whole.middle, whole.end))
step_start, step, step_end = (frames_after(times) for times in (steps.start, steps.middle, steps.end))
span = readout.span() / FRAME

headers = [fits.Header({**GROUND, "NINTS": 1, "ON_NINT": k}) for k in (1, 2, 3, 4)]
files = [Segment(f"{k}.fits", None, "ncdhas-slp", one, 1, None, (64, 64), k) for k, one in enumerate(headers, 1)]
shares = exposure_times(Exposure(files))
# 11 December 2019, noon.
share_start, share, share_end = (frames_after(t, 58828.5) for t in (shares.start, shares.middle, shares.end))
taken = Readout.from_header(headers[0]).integration_time / FRAME

figure, (upper, lower, ground) = plt.subplots(
    3, 1, figsize=(10, 11.6), height_ratios=(1.0, 1.3, 0.75), facecolor="white"
)
plt.rcParams.update({"svg.hashsalt": "timeline"})

# The exposure.
for k in range(readout.nints):
    frames(upper, readout, start[k], 0, 1)
    upper.text(middle[k], -0.12, f"integration {k + 1}", ha="center", va="top")
resets = [(0, readout.nrststrt), *((end[k], start[k + 1] - end[k]) for k in range(readout.nints - 1))]
for begin, length in resets:
    for i in range(round(length)):
        box(upper, begin + i, 1, 0, 1, RESET, hatch="////")
for x, name in ((0.0, "EXPSTART"), (0.5 * span, "EXPMID"), (span, "EXPEND")):
    mark(upper, x, 2.35, 0, name, fontweight="bold")
for k in range(readout.nints):
    # EXPMID lies beside the middle of the second integration, so names stand at two heights.
    for x, name, side in ((start[k], "time_start", "left"), (middle[k], "time", "left"), (end[k], "time_end", "right")):
        mark(upper, x, 1.9 if name == "time" else 1.4, 0, name, color=STEP, ha=side)
brace(upper, 0, start[0], -0.25, "NRSTSTRT")
brace(upper, end[0], start[1], -0.25, "NRESETS +\nDRPFRMS3")
brace(upper, start[2], end[2], -0.75, "integration time")
brace(upper, start[0], start[1], -1.25, "from one integration to the next")
upper.set_title("An exposure of three integrations", loc="left", fontweight="bold")

# Its first integration: groups, reads, and steps.
frames(lower, readout, start[0], 0, 1)
for i in range(readout.nrststrt):
    box(lower, i, 1, 0, 1, RESET, hatch="////")
box(lower, end[0], 1, 0, 1, RESET, hatch="////")
for group in range(readout.ngroups):
    first = start[0] + readout.drpfrms1 + group * readout.group_frames
    for i in range(readout.nframes):
        # Rows are read one after the other: the first at once, the last a frame later.
        lower.plot([first + i, first + i + 1], [0, 1], color="white", linewidth=1.2)
    center = start[0] + readout.group_center(group) / FRAME
    lower.plot(center, 0.5, "o", color="white", markeredgecolor="black", markersize=8, zorder=4)
    lower.text(first + 0.5 * readout.nframes, -0.12, f"group {group + 1}", ha="center", va="top")
over = {"zorder": 5, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1}}
for k in range(readout.ngroups - 1):
    y = 2.0 + 0.8 * k
    lower.plot([step_start[k], step_end[k]], [y, y], color=STEP, linewidth=2)
    lower.plot([step_start[k]] * 2, [0.5, y], color=STEP, linewidth=0.8, linestyle=":")
    lower.plot([step_end[k]] * 2, [0.5, y], color=STEP, linewidth=0.8, linestyle=":")
    lower.plot(step[k], y, "D", color=STEP, markersize=7)
    lower.text(step[k], y + 0.2, f"step {k + 1}: group {k + 2} less group {k + 1}", color=STEP, ha="center", **over)
mark(lower, start[0], 1.5, 0, "int_start_MJD_UTC", color=READ, ha="right")
mark(lower, middle[0], 3.6, 1, "int_mid_MJD_UTC  (time)", color=READ)
mark(lower, end[0], 1.5, 0, "int_end_MJD_UTC", color=READ, ha="left")
reads = start[0] + readout.drpfrms1
brace(lower, 0, start[0], -0.25, "NRSTSTRT")
brace(lower, start[0], reads, -0.25, "DRPFRMS1")
brace(lower, reads, reads + 1, -0.75, "TFRAME")
brace(lower, reads + readout.group_frames, reads + 2 * readout.group_frames, -0.75, "TGROUP")
lower.set_title(
    "Its first integration, with the columns of INT_TIMES and the group steps", loc="left", fontweight="bold"
)

# Files of a ground test that share a span.
for k in range(len(files)):
    box(ground, share_start[k], share_end[k] - share_start[k], 0, 1, "white")
    box(ground, share[k] - 0.5 * taken, taken, 0.15, 0.7, GAP, linestyle="--")
    ground.text(share[k], -0.12, f"ON_NINT {k + 1}", ha="center", va="top")
    mark(ground, share[k], 1.75, 0, "time", color=STEP)
mark(ground, share_start[1], 1.5, 0, "time_start", color=STEP, ha="left")
mark(ground, share_end[1], 1.5, 0, "time_end", color=STEP, ha="right")
mark(ground, share_start[0], 2.7, 0, "DATE-OBS, TIME-OBS", fontweight="bold", ha="left")
mark(ground, share_end[-1], 2.7, 0, "TIME-END", fontweight="bold", ha="right")
brace(ground, share[2] + 0.5 * taken, share_end[2], -0.65, "time_accuracy")
brace(ground, share_start[0], share_end[0], -0.65, "span / N")
ground.set_title("Four files that share a span", loc="left", fontweight="bold")

for axes, right, bottom, top in (
    (upper, span, -1.7, 2.9),
    (lower, end[0] + 1.6, -2.6, 4.1),
    (ground, share_end[-1], -2.0, 2.9),
):
    axes.set_xlim(-0.03 * right, 1.03 * right)
    axes.set_ylim(bottom, top)
    axes.axis("off")
# What the boxes are.
keys = (
    (READ, "frame read and averaged into its group", None),
    (GAP, "frame skipped (GROUPGAP)", None),
    (RESET, "reset (or DRPFRMS3)", "////"),
    (DROPPED, "dropped frame (DRPFRMS1)", ".."),
)
handles = [Rectangle((0, 0), 1, 1, facecolor=c, edgecolor="black", linewidth=0.7, hatch=h) for c, _, h in keys]
texts = [text for _, text, _ in keys]
handles += [
    Line2D([], [], color="white", linewidth=1.2, path_effects=[Stroke(linewidth=6, foreground=READ), Normal()]),
    Line2D([], [], linestyle="", marker="o", color="white", markeredgecolor="black", markersize=8),
]
texts += ["rows of a frame, read one after the other", "mean time of a group"]
lower.legend(handles, texts, loc="lower center", ncols=3, frameon=False)
dashed = Rectangle((0, 0), 1, 1, facecolor=GAP, edgecolor="black", linewidth=0.7, linestyle="--")
ground.legend([dashed], ["the integration, which may lie anywhere in its share"], loc="lower center", frameon=False)
figure.tight_layout()

if not np.allclose(np.diff(start), readout.cadence / FRAME):
    raise ValueError("the drawing's integrations do not follow each other at the readout's cadence")
