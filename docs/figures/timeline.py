"""Draw an exposure in time; every moment comes from the package's own functions."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from matplotlib.patches import Rectangle

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
    "NRSTSTRT": 2,
    "NRESETS": 1,
}
# Okabe and Ito's colours, which everyone can tell apart; hatches say the same in grey.
READ, GAP, RESET, LINE, STEP = "#0072B2", "#D9E8F2", "#F0E3C0", "#000000", "#D55E00"


def frames_after(times):
    """Moments as frames since EXPSTART."""
    day, seconds = time_to_tai(times)
    start_day, start = mjd_to_tai(CARDS["EXPSTART"])
    return ((day - start_day) * 86400 + seconds - start) / FRAME


def box(axes, begin, length, y, height, color, **more):
    axes.add_patch(Rectangle((begin, y), length, height, facecolor=color, edgecolor="black", linewidth=0.7, **more))


def mark(axes, x, top, bottom, label, color=LINE, **more):
    """A line down to a moment, and its name above."""
    axes.plot([x, x], [bottom, top], color=color, linewidth=1, zorder=3, solid_capstyle="butt")
    axes.text(x, top + 0.06, label, color=color, va="bottom", **{"ha": "center", **more})


def frames(axes, readout, begin, y, height):
    """The frames of an integration: those read, and those skipped between groups."""
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

figure, (upper, lower) = plt.subplots(2, 1, figsize=(10, 8.2), height_ratios=(1.0, 1.2), facecolor="white")
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
        mark(upper, x, 1.75 if name == "time" else 1.25, 0, name, color=STEP, ha=side)
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
for k in range(readout.ngroups - 1):
    y = 2.0 + 0.8 * k
    lower.plot([step_start[k], step_end[k]], [y, y], color=STEP, linewidth=2)
    lower.plot([step_start[k]] * 2, [0.5, y], color=STEP, linewidth=0.8, linestyle=":")
    lower.plot([step_end[k]] * 2, [0.5, y], color=STEP, linewidth=0.8, linestyle=":")
    lower.plot(step[k], y, "D", color=STEP, markersize=7)
    lower.text(step[k], y + 0.2, f"step {k + 1}: group {k + 2} less group {k + 1}", color=STEP, ha="center")
mark(lower, start[0], 1.35, 0, "int_start_MJD_UTC", color=READ, ha="right")
mark(lower, middle[0], 3.6, 1, "int_mid_MJD_UTC  (time)", color=READ)
mark(lower, end[0], 1.35, 0, "int_end_MJD_UTC", color=READ, ha="left")
brace(lower, start[0], start[0] + 1, -0.75, "TFRAME")
brace(lower, start[0] + readout.group_frames, start[0] + 2 * readout.group_frames, -0.75, "TGROUP")
lower.set_title(
    "Its first integration, with the columns of INT_TIMES and the group steps", loc="left", fontweight="bold"
)

for axes, right, bottom, top in ((upper, span, -1.7, 2.9), (lower, end[0] + 1.6, -1.9, 4.1)):
    axes.set_xlim(-0.6, right + 0.6)
    axes.set_ylim(bottom, top)
    axes.axis("off")
# What the boxes are.
keys = (
    (READ, "frame read and averaged into its group", None),
    (GAP, "frame skipped (GROUPGAP)", None),
    (RESET, "reset or dropped frame", "////"),
)
handles = [Rectangle((0, 0), 1, 1, facecolor=c, edgecolor="black", linewidth=0.7, hatch=h) for c, _, h in keys]
lower.legend(handles, [text for _, text, _ in keys], loc="lower center", ncols=3, frameon=False)
figure.tight_layout()

if not np.allclose(np.diff(start), readout.cadence / FRAME):
    raise ValueError("the drawing's integrations do not follow each other at the readout's cadence")
