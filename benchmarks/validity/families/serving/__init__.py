"""What is served: servers with one fault each, and new adapters beside old ones on split traffic."""
