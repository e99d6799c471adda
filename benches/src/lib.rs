//! What conlab's benchmarks share: rounds that interleave the candidates, and the tables they print.
