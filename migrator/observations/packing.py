"""Histograms of `core.tally` as they lie in JSON columns. Sketches pack themselves."""

from collections.abc import Mapping


def pack_histogram(histogram: Mapping[int, int]) -> dict[str, int]:
    """Keys of JSON objects are strings."""
    return {str(bucket): count for bucket, count in histogram.items()}


def unpack_histogram(column: Mapping[str, int]) -> dict[int, int]:
    return {int(bucket): count for bucket, count in column.items()}
