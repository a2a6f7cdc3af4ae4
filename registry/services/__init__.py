"""One thin module for each gRPC service: requests in, domain functions, responses out."""
