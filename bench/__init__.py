"""Programs that measure Quixess on this machine: `python -m bench`. How to read them: bench/README.md."""
