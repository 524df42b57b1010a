"""The parts of the page that shows what endpoints answer."""
