"""Processes apart, for code that nobody has read.

``box.py`` starts a program in a box: its own files, processes and network, with limits, and one
channel of JSON. ``student.py`` runs a submission in one, and ``judge.py`` judges its answers in
another; neither can reach the other but through the program that grades.
"""
