"""Side-by-side measurements of loradiag against the physical floor and against its peers."""
