this is no graph
