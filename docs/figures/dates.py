"""The notebook's Julian dates against the right ones, and what one float64 makes of a date."""

import matplotlib.pyplot as plt
import numpy as np

from nircam_tso import gregorian_to_jd
from nircam_tso.notebook import julian_date

figure, (faults, rounding) = plt.subplots(1, 2, figsize=(9.5, 2.9), layout="constrained")
years = np.arange(1600, 2400)
months = np.arange(1, 13)
off = [julian_date(int(y), int(m), 15) - gregorian_to_jd(int(y), int(m), 15) for y in years for m in months]
faults.plot((years[:, None] + (months - 0.5) / 12).ravel(), off, color="#D55E00")
faults.set(xlabel="year", ylabel="notebook less Julian date (days)", yticks=range(-2, 5))
faults.grid(alpha=0.3)

microseconds = np.arange(0, 200, 0.5)
midnight, fraction = gregorian_to_jd(2016, 1, 12, 18, 0, 43 + 1e-6 * microseconds, two_part=True)
one = gregorian_to_jd(2016, 1, 12, 18, 0, 43 + 1e-6 * microseconds)
left = (one - midnight - (fraction[0] + microseconds / 86400e6)) * 86400e6
rounding.plot(microseconds, left, color="#D55E00", label="one float64")
both = (fraction - (fraction[0] + microseconds / 86400e6)) * 86400e6
rounding.plot(microseconds, both, color="#0072B2", label="two_part=True")
rounding.set(xlabel="microseconds after 2016-01-12T18:00:43", ylabel="error (microseconds)", ylim=(-25, 38))
rounding.legend(fontsize=8, loc="upper right")
