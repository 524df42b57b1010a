"""Files: formats that hold named tensors, strict JSON, hashes, what is written whole, folders behind URLs, clusters."""
