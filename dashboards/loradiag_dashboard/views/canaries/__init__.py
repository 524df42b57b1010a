"""The parts of the page that shows canaries."""
