"""The parts of the HTML page. :mod:`loradiag.outputs.html` puts them together."""
