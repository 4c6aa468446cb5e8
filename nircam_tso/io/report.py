"""Everything that is wrong with the input, in one error."""

from contextlib import contextmanager

from nircam_tso.exceptions import InputFileError, NircamTSOError, SegmentError

__all__ = ["combined", "problems_of", "together"]

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
        The only one, whole reports being taken apart; else one of their common class,
        else an `InputFileError` if they are all about files, with a line for each.

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
    errors = list({id(part): part for error in errors for part in problems_of(error)}.values())
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
    lines = [f"  {error}".replace("\n", "\n    ") for error in errors[:_SHOWN]]
    if len(errors) > _SHOWN:
        lines.append(f"  and {len(errors) - _SHOWN} more")
    report = cls("\n".join([f"{len(errors)} problems:", *lines]))
    report.path, report.hdu = errors[0].path, errors[0].hdu
    report.problems = tuple(errors)
    return report


def problems_of(error):
    """
    The errors of which a report was made.

    Parameters
    ----------
    error : NircamTSOError
        A report, or any other error.

    Returns
    -------
    tuple of NircamTSOError
        The error itself where it is no report.
    """
    return getattr(error, "problems", (error,))


@contextmanager
def together(wrong):
    """
    Tell what is known to be wrong together with the error that ends the context.

    Parameters
    ----------
    wrong : list of NircamTSOError
        What is wrong, as far as known when the context is left.

    Raises
    ------
    NircamTSOError
        If there is anything in the list, or an error of the package ended the context.

    Examples
    --------
    >>> from nircam_tso.exceptions import SegmentError, TruncatedFileError
    >>> from nircam_tso.io.report import together
    >>> with together([TruncatedFileError("is short", path="b")]):
    ...     raise SegmentError("integrations 5 to 8 are missing")
    Traceback (most recent call last):
    ...
    nircam_tso.exceptions.InputFileError: 2 problems:
      b: is short
      integrations 5 to 8 are missing
    """
    try:
        yield
    except NircamTSOError as error:
        if not wrong:
            raise
        raise combined([*wrong, error]) from error
    if wrong:
        raise combined(wrong)
