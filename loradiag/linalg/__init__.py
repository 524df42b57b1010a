"""The maths of ΔW = scale · B · A from its factors. Arrays in, numbers out; nothing here knows what an adapter is."""
