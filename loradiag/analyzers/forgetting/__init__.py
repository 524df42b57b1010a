"""What the base forgot: the same questions to the base and to the adapter, compared document by document."""
