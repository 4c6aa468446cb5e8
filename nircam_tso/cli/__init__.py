"""The command ``nircam-tso``, one module for each of its commands."""
