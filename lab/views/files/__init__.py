"""A trace as files for other programs: captures and Maildirs."""
