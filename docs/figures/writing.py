"""What lies in the folder while a product is written over an old one."""

import matplotlib.pyplot as plt

steps = (
    "inputs and outputs\nchecked",
    "measured",
    "made into bytes, read\nback, compared",
    "written aside, brought to\nthe disk, read again",
    "put in place\nby its name",
)
edges = (0, 1, 2.2, 3.3, 4.6, 6)
old, new, lock = "#56B4E9", "#0072B2", "0.75"
bars = (
    ("star.h5", ((0, 5, old, "the old product"), (5, 6, new, "the new one"))),
    (".star.h5.part", ((3.3, 5, "#E69F00", "the new bytes"),)),
    (".star.h5.lock", ((0.4, 5.5, lock, "one writer at a time"),)),
)
figure, axis = plt.subplots(figsize=(9, 2.5), layout="constrained")
for height, (_, parts) in zip((2, 1, 0), bars, strict=True):
    for start, stop, color, words in parts:
        axis.barh(height, stop - start, 0.55, start, color=color)
        dark = color == new
        axis.text((start + stop) / 2, height, words, ha="center", va="center", fontsize=8, color="w" if dark else "k")
for start, stop, words in zip(edges, edges[1:], steps, strict=False):
    axis.axvline(stop, color="0.8", linewidth=0.8, zorder=0)
    axis.text((start + stop) / 2, 2.85, words, ha="center", va="center", fontsize=8)
axis.axvline(5, color="#D55E00", linewidth=1, linestyle="--")
axis.set_yticks((2, 1, 0), labels=[name for name, _ in bars], family="monospace")
axis.set(xlim=(0, 6), ylim=(-0.5, 3.3), xticks=[], xlabel="time")
axis.spines[["top", "right"]].set_visible(False)
