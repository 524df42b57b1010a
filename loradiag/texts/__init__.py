"""A user's file of texts becomes samples: whatever format it has, read as a stream and bounded in every direction."""
