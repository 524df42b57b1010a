"""The site: what it is made of, and whether what it says is so."""
