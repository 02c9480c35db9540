"""The topology file: data, its readers and its writer. Nothing here acts."""
