"""Traffic under watch, day and night: evidence that never expires, one budget of false alarms, and a state that survives."""
