"""An adapter on disk becomes an :class:`~loradiag.adapters.model.Adapter`: headers first, values only when asked for."""
