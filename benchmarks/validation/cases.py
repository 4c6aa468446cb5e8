"""What the visits of the study suffer, and how they are measured."""

from dataclasses import dataclass, field

from nircam_tso import AnnulusBackground
from nircam_tso.presets import choose_preset

__all__ = ["CASES", "STARS", "Case", "Star"]


@dataclass(frozen=True)
class Star:
    """
    A star in its frame, and the light that it gives.

    Attributes
    ----------
    label : str
        What tables call it.
    pupil : str
        Of the header: what chooses the preset.
    waves : float
        Defocus of the image.
    shape : (int, int)
        (ny, nx) of the frame.
    flux : float
        Electron/s.
    radius : float
        Aperture whose light curve is fitted; one of the preset's.
    integrations : int
        Of a visit.
    """

    label: str
    pupil: str
    waves: float
    shape: tuple[int, int]
    flux: float
    radius: float
    integrations: int

    @property
    def settings(self):
        """Settings of the extractor: those of the preset, with one aperture."""
        preset = choose_preset({"INSTRUME": "NIRCAM", "FILTER": "F210M", "PUPIL": self.pupil}, self.shape)
        return {**preset.settings, "aperture_radii": [self.radius]}


#: The stars by name. Their frames are just wide enough for the sky that the preset takes.
STARS = {
    "focused": Star("focused", "CLEAR", 0.0, (48, 50), 1e4, 5.0, 80),
    "wlp4": Star("WLP4", "WLP4", 4.0, (126, 128), 2e5, 35.0, 60),
    "wlp8": Star("WLP8", "WLP8", 8.0, (246, 248), 8e5, 70.0, 40),
}


@dataclass(frozen=True)
class Case:
    """
    Visits of one kind.

    Attributes
    ----------
    name : str
        A word for the command line and for files.
    star : str
        One of `STARS`.
    suffers : str
        What befalls the visits, beside photon and read noise, in words.
    visits : int
        How many are simulated.
    effects : dict
        Settings of the simulation.
    settings : dict
        Settings of the extractor, laid over the preset's.
    asserted : bool
        Whether the pulls must be those of unbiased numbers with right errors.
    files : bool
        Whether visits go through files, and their times to the barycentre.
    """

    name: str
    star: str
    suffers: str
    visits: int
    effects: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    asserted: bool = True
    files: bool = False

    @property
    def has_tilt(self):
        """Whether the fit has a step at a tilt."""
        return "tilt" in self.effects


_JITTER = {"jitter": "1 mas"}
_LINES = {"correlated_noise": 5.0}
_RAYS = {"cosmic_rays": {}}
_MISSED = {"cosmic_rays": {"flagged": False}}
_DEAD = {"dead_fraction": 0.002}
_TILT = {"tilt": {"segment": "C3", "shift": (1.0, 0.5)}}
_ALL = {**_JITTER, **_LINES, **_RAYS, "drift": (0.02, -0.015), "sky_drift": 0.2}
_MANY = 'jitter, drift, 1/f noise, ``striping="row"``, cosmic rays found, a changing sky'
_ROWS = {"striping": "row"}
_CLEAN = {"clean": "temporal"}
_MEDIAN = {"background": AnnulusBackground(46, 60)}

#: All cases by name, in the order of the table.
CASES = {
    case.name: case
    for case in (
        Case("focused", "focused", "nothing else", 1000),
        Case("focused-files", "focused", "nothing else; through files, times at the barycentre", 200, files=True),
        Case("focused-jitter", "focused", "jitter of 1 mas", 250, _JITTER),
        Case("focused-lines", "focused", "1/f noise", 250, _LINES),
        Case("focused-rows", "focused", '1/f noise, ``striping="row"``', 250, _LINES, _ROWS),
        Case("focused-rays", "focused", "cosmic rays, found by the pipeline", 250, _RAYS),
        Case(
            "focused-clean",
            "focused",
            'cosmic rays, not found by the pipeline, ``clean="temporal"``',
            250,
            _MISSED,
            _CLEAN,
        ),
        Case("focused-all", "focused", _MANY, 250, _ALL, _ROWS),
        Case("focused-tilt", "focused", "a tilt, with a step in the fit", 250, _TILT),
        Case("focused-dead", "focused", "jitter and dead pixels", 250, {**_JITTER, **_DEAD}, asserted=False),
        Case("wlp4", "wlp4", "nothing else", 200),
        Case("wlp4-jitter", "wlp4", "jitter of 1 mas", 200, _JITTER),
        Case("wlp4-lines", "wlp4", "1/f noise", 200, _LINES),
        Case("wlp4-rows", "wlp4", '1/f noise, ``striping="row"``', 200, _LINES, _ROWS),
        Case("wlp4-median", "wlp4", "1/f noise, the sky by its clipped median", 200, _LINES, _MEDIAN, False),
        Case("wlp4-rays", "wlp4", "cosmic rays, found by the pipeline", 200, _RAYS),
        Case("wlp4-all", "wlp4", f"{_MANY}, dead pixels", 200, {**_ALL, **_DEAD}, _ROWS),
        Case("wlp4-tilt", "wlp4", "a tilt, with a step in the fit", 200, _TILT),
        Case("wlp8", "wlp8", "nothing else", 200),
        Case("wlp8-all", "wlp8", f"{_MANY}, dead pixels", 200, {**_ALL, **_DEAD}, _ROWS),
    )
}
