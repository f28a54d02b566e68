//! What is told, in which order, and that nobody misses or sees anything twice.
