"""What two models' values on the same documents can tell, and what they cannot. Numbers in, numbers out.

Differences are adapter − base throughout. Documents are the sample: intervals speak about other documents of the same kind.
Documents that share a source are no independent draws; where clusters are given, whole clusters are the sample.
"""
