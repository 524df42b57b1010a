"""The parts of the text for a terminal."""
