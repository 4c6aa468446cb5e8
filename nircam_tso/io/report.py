"""Everything that is wrong with the input, in one error."""

from nircam_tso.exceptions import InputFileError, NircamTSOError, SegmentError

__all__ = ["combined"]

#: Problems that one report shows.
_SHOWN = 20


def combined(errors):
    """
    One error out of several, so that everything that is wrong is told at once.

    Parameters
    ----------
    errors : list of NircamTSOError
        At least one.

    Returns
    -------
    NircamTSOError
        The only one; else one of their common class, else an `InputFileError` if they are
        all about files, with a line for each.

    Examples
    --------
    >>> from nircam_tso.exceptions import CorruptFileError, TruncatedFileError
    >>> from nircam_tso.io.report import combined
    >>> report = combined([CorruptFileError("is odd", path="a"), TruncatedFileError("is short", path="b")])
    >>> type(report).__name__
    'InputFileError'
    >>> print(report)
    2 problems:
      a: is odd
      b: is short
    """
    if len(errors) == 1:
        return errors[0]
    kinds = {type(error) for error in errors}
    cls = NircamTSOError
    if len(kinds) == 1:
        cls = kinds.pop()
    elif any(issubclass(kind, OSError) for kind in kinds):
        cls = InputFileError
    elif all(issubclass(kind, ValueError) for kind in kinds):
        cls = SegmentError
    lines = [f"  {error}" for error in errors[:_SHOWN]]
    if len(errors) > _SHOWN:
        lines.append(f"  and {len(errors) - _SHOWN} more")
    report = cls("\n".join([f"{len(errors)} problems:", *lines]))
    report.path, report.hdu = errors[0].path, errors[0].hdu
    return report
