"""The vocabulary of loradiag: measurements, findings, rules, policy, report, errors. No I/O and no numpy work."""
