"""The drawings of `nfnet.drawings`, for the page Photos."""

from nfnet.drawings import SAMPLES, SIDE, sample

__all__ = ["SAMPLES", "SIDE", "sample"]
