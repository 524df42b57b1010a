"""A base as a model that runs: loading, tokens, batches, and what its next-token distributions are beside another's."""
