"""Mail programs that pass every stage of the course: in Python and in JavaScript for Node."""
