"""The ratios of the table of the page, as it stands there."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

# Scripts run in their own folder.
lines = Path("../precision.rst").read_text(encoding="utf-8").splitlines()
first, head, last = [i for i, line in enumerate(lines) if line.startswith("====") and " " in line]
edges = [match.span() for match in re.finditer("=+", lines[head])]
cells = [[line[start:stop].strip() for start, stop in edges] for line in lines[head + 1 : last]]
names = [line.replace("``", "") for line in (lines[first + 1][start:stop].strip() for start, stop in edges[3:])]
styles = (("s", "#D55E00"), ("o", "#0072B2"), ("^", "#56B4E9"), ("D", "#009E73"))

figure, axis = plt.subplots(figsize=(8, 2.8), layout="constrained")
places = np.arange(len(cells))[::-1]
rows = np.array([float(row[1]) for row in cells])
for k, (name, (marker, color)) in enumerate(zip(names, styles, strict=True)):
    ratios = np.array([float(row[3 + k].split()[0]) for row in cells])
    sure = 0.7 / np.sqrt(rows) * ratios
    axis.errorbar(ratios, places + 0.24 - 0.16 * k, xerr=sure, fmt=marker, color=color, markersize=5, label=name)
axis.axvline(1, color="black", linewidth=1)
axis.set_yticks(places, labels=[row[0].replace("``", "") for row in cells], fontsize=9)
axis.set(xlabel="scatter over the bound", xlim=(0.9, 2.1), ylim=(-0.5, len(cells) - 0.5))
axis.legend(fontsize=8)
