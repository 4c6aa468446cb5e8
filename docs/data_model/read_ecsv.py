"""Read an ECSV product without the package that wrote it."""

import json
import sys

import pandas as pd
import yaml

with open(sys.argv[1], encoding="utf-8") as file:
    header = "".join(line[2:] for line in file if line.startswith("# "))

header = yaml.safe_load(header.partition("---\n")[2].partition("- __serialized_columns__:")[0])
units = {entry["name"]: entry.get("unit", "") for entry in header["datatype"]}
meta = dict(header["meta"])
bits = json.loads(meta["provenance"])["quality_bits"]

rows = pd.read_csv(sys.argv[1], comment="#", sep=" ")  # times are ISO 8601 in UTC, time_bjd in TDB
rows["time"] = pd.to_datetime(rows["time"])
names = [name for name in units if name.startswith("aperture_sum_r")]
informs = bits["SATURATED"] | bits["JUMP_DET"] | bits["TIME_FROM_HEADER"] | bits["MIDNIGHT_ROLLOVER"]
kept = (rows["quality"] | informs) == informs
for _, row in rows[kept].iterrows():
    print(row["time"].isoformat(), *(f"{row[name]:.6g} {units[name]}" for name in names))
