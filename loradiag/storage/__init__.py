"""File formats that hold named tensors. Each opens a file into headers and reads values on demand."""
