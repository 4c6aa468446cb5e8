"""The command ``nircam-tso``: one file per subcommand, each read only when called."""

import argparse
import os
import sys
from importlib import import_module

__all__ = ["COMMANDS", "build_parser", "main"]

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

# argparse itself exits with 2 for wrong usage.
EXIT_OK = 0
EXIT_FLAGGED = 3
EXIT_INPUT = 4
EXIT_OUTPUT = 5
EXIT_INTERRUPTED = 130

_EPILOG = """\
exit codes:
  0    complete
  2    wrong usage
  3    complete, and some rows carry a quality flag that warns
  4    the input cannot be used
  5    the output cannot be written
  130  interrupted

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
        130 interrupted.
    """
    args = list(sys.argv[1:] if args is None else args)
    command = next((arg for arg in args if not arg.startswith("-")), None)
    try:
        options, unknown = build_parser(command if command in COMMANDS else "").parse_known_args(args)
        if unknown:
            # argparse itself would show the usage of the whole command.
            options.refuse(f"unrecognized arguments: {' '.join(unknown)}")
        return _run(options)
    except BrokenPipeError:
        # The reader of our output went away; what it read is what it wanted.
        sys.stdout = open(os.devnull, "w")
        return EXIT_OK
    except KeyboardInterrupt:
        print("nircam-tso: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _run(options):
    from nircam_tso.exceptions import IncompleteProductError, OutputError

    try:
        return options.run(options)
    except BrokenPipeError:
        raise
    except OutputError as error:
        code, message = EXIT_OUTPUT, error
    except (IncompleteProductError, OSError, ValueError, TypeError, MemoryError, ImportError) as error:
        code, message = EXIT_INPUT, error
    if options.debug:
        import traceback

        traceback.print_exception(message)
    print(f"nircam-tso: {_printable(message)}", file=sys.stderr)
    return code


def _printable(message):
    """Text without control characters but line ends, which headers and names may hold."""
    text = str(message).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)


if __name__ == "__main__":
    sys.exit(main())
