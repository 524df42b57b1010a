"""Readers under hostile input: every input ends in a result or in a LoradiagError, in time and within a bound of memory."""
