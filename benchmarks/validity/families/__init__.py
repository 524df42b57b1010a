"""Cases beyond what ``inspect`` says of single adapters: a folder a family, each with how its cases are made and labelled."""
