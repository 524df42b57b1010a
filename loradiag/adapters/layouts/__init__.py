"""One file per way of naming the tensors of an adapter."""
