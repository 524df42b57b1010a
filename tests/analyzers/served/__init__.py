"""Tests of serving checks, against real servers on this machine."""
