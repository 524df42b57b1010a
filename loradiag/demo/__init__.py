"""A demonstration: a month in the life of a few toy adapters, made by the functions behind the commands."""
