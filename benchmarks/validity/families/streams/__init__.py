"""What comes over days: answers that change or do not, and streams of requests under watch."""
