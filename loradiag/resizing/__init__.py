"""From an adapter to a smaller one: choose ranks, cut, write a PEFT adapter whole, and prove it from the file."""
