"""What the interpreter needs: compiled modules, garbage collection, new processes."""
