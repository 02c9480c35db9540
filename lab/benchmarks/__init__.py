"""The benchmarks behind ``lab bench``."""
