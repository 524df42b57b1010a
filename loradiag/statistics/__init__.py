"""Intervals, tests and power; evidence that may be looked at after every observation. Numbers in, numbers out.

Where two models are compared, differences are adapter − base, and documents are the sample: intervals speak about other
documents of the same kind. Documents that share a source are no independent draws; where clusters are given, whole clusters are
the sample. Where traffic is compared, requests are, or whole days of them.
"""
