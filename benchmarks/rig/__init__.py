"""What the benchmarks measure with: receivers, a school's stub, a board, and a meter."""
