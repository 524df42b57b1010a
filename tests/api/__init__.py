"""Tests of ``loradiag.api``."""
