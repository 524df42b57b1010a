"""Many adapters: found, measured by engines, remembered, and held beside each other."""
