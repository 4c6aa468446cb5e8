"""The command ``nircam-tso``: one file per subcommand, each read only when called."""

import _thread
import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from importlib import import_module

__all__ = [
    "COMMANDS",
    "EXIT_FLAGGED",
    "EXIT_INPUT",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_OUTPUT",
    "EXIT_USAGE",
    "build_parser",
    "main",
    "printable",
]

#: Subcommands and their one-line helps, in the order of ``--help``.
COMMANDS = {
    "extract": "measure a stack of images and write the time series",
    "info": "tell what a source is, without reading its pixels",
    "plot": "draw a product: light curves, columns, centres, noise, images",
    "report": "make one interactive HTML page of a product",
    "simulate": "write a synthetic exposure with known truth",
    "demo": "simulate a transit, extract it, and show the result",
    "compare": "hold the notebook of 2016 against this package, fault by fault",
    "jd": "convert calendar dates into Julian dates, and back",
}

EXIT_OK = 0
# As argparse itself for what it refuses.
EXIT_USAGE = 2
EXIT_FLAGGED = 3
EXIT_INPUT = 4
EXIT_OUTPUT = 5
EXIT_INTERRUPTED = 130

#: What ends a run: each is answered by 128 and its number, 130 and 143 for the first two.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds in which a run that is stopped may take its temporary files away.
_GRACE = 3

_EPILOG = """\
exit codes:
  0    complete
  2    wrong usage
  3    complete, and some rows carry a quality flag that warns
  4    the input cannot be used, or measuring it failed
  5    the output cannot be written
  130  interrupted (Ctrl-C)
  143  terminated

example:
  nircam-tso extract visit/ --detector NRCA1 --product calints -o wasp80.h5
"""


def build_parser(command=None):
    """
    Make the parser.

    Parameters
    ----------
    command : str, optional
        Subcommand whose options are needed; the modules of the others are not read.
        All are read if None.

    Returns
    -------
    `argparse.ArgumentParser`
    """
    parser = argparse.ArgumentParser(
        prog="nircam-tso",
        description="From a stack of images of a star to a time series.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command is None or name == command:
            module = import_module(f"nircam_tso.cli.{name}")
            module.add_arguments(sub)
            sub.set_defaults(run=module.run, refuse=sub.error)
        sub.add_argument("--debug", action="store_true", help="show where in the code an error arose")
        if name != "jd":
            sub.add_argument("--quiet", action="store_true", help="no progress bar and no summary")
    return parser


class _Version(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        import nircam_tso

        print(f"nircam-tso {nircam_tso.__version__}")
        parser.exit()


def main(args=None):
    """
    Run the command.

    Parameters
    ----------
    args : list of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        Exit code: 0 complete, 2 usage, 3 complete with flagged rows, 4 input, 5 output,
        130 interrupted, 143 terminated.

    Notes
    -----
    Only as the command of a process, without ``args``, signals are answered here: the
    first one stops the run, which takes its temporary files and locks away; after 3 s
    the process ends whatever is still under way.
    """
    if args is None:
        _own_the_process()
    try:
        code = _answer(list(sys.argv[1:] if args is None else args))
    finally:
        lost = _flush()
    if lost is not None:
        _tell(f"what was to be printed is lost ({lost.strerror or lost})")
        return EXIT_OUTPUT
    return code


def _answer(args):
    command = next((arg for arg in args if not arg.startswith("-")), None)
    try:
        options, unknown = build_parser(command if command in COMMANDS else "").parse_known_args(args)
        if unknown:
            # argparse itself would show the usage of the whole command.
            options.refuse(f"unrecognized arguments: {' '.join(unknown)}")
        return _run(options)
    except BrokenPipeError:
        # The reader of our output went away; what it read is what it wanted.
        return EXIT_OK
    except KeyboardInterrupt as stop:
        _tell("terminated" if isinstance(stop, _Stopped) and stop.number != signal.SIGINT else "interrupted")
        return 128 + stop.number if isinstance(stop, _Stopped) else EXIT_INTERRUPTED


class _Stopped(KeyboardInterrupt):
    """A signal that ends the run."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def _stop(number, frame):
    # Once is enough: a second one would interrupt the cleaning.
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    # Not a Timer, whose start takes locks that the code interrupted here may hold.
    _thread.start_new_thread(_end, (128 + number,))
    raise _Stopped(number)


def _end(code):
    time.sleep(_GRACE)
    os._exit(code)


def _own_the_process():
    """Answer signals, and survive streams that are closed or cannot show a name."""
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            # What nohup or a shell made deaf stays so.
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, _stop)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))
        getattr(sys, name).reconfigure(errors="backslashreplace")


def _flush():
    """Empty the streams; the error with which standard output failed, unless its reader just went away."""
    lost = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            if stream is sys.stdout and isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
                lost = error
            # What is left in its buffer must not be tried again when the process ends.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return lost


def _tell(message):
    with contextlib.suppress(OSError):
        print(f"nircam-tso: {message}", file=sys.stderr)


def _run(options):
    from nircam_tso.exceptions import NircamTSOError, OutputError

    try:
        return options.run(options)
    except BrokenPipeError:
        raise
    except OutputError as error:
        code, message, fault = EXIT_OUTPUT, str(error), error
    except (NircamTSOError, OSError, ValueError, TypeError, MemoryError, ImportError) as error:
        code, message, fault = EXIT_INPUT, str(error) or type(error).__name__, error
    except Exception as error:
        code, fault = EXIT_INPUT, error
        message = f"unexpected {type(error).__name__}: {error}; --debug shows where it arose"
    if options.debug:
        import traceback

        traceback.print_exception(fault)
    _tell(printable(message))
    return code


def printable(message):
    """Text without control characters but line ends, which headers and names may hold."""
    text = str(message).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)


if __name__ == "__main__":
    sys.exit(main())
