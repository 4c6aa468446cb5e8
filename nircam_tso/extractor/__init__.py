"""From a source to a time series: the settings, the plan, the blocks, the table."""

from nircam_tso.extractor.core import TimeSeriesExtractor

__all__ = ["TimeSeriesExtractor"]
