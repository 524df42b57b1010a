"""What may befall a process: killed, without room, without rights, beside another, on a clock that is wrong, for a day."""
