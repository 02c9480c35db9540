"""One run on several processes: each simulates a partition of the hosts, kept in step by latency.

A worker is a process with a simulation of its own: the same hosts, links and faults as in one
process, of which it moves only its own hosts. What crosses to another partition takes at least the
latency of the link between them. So all may go on by that much (the *lookahead*) before they must
hear from each other. They go from window to window, and at the end of each they send each other
what has happened. If many events fall within the lookahead, windows are half as long, and each
worker goes one window ahead of what it has received: none waits for one that is a window late. It
is the conservative, synchronous way of distributed simulation (Chandy and Misra 1979; Nicol 1993,
"The cost of conservative synchronization in parallel discrete event simulations"); ns-3's MPI
simulator uses such windows.

What is made of the rows is shared out too. Digest and replies concern one host, or one session, and
are derived where these are. Account and rules of the mail follow a message from host to host: the
partition in which it was submitted is its owner and derives them, and the others send it their rows
about the message. The coordinator gets the rows that are kept, and what has become of the mail.

The workers of a run are processes of one machine, joined by pipes: they exchange one message a
window, and a pipe delivers it in some ten microseconds. Over several machines they are ranks of
MPI, which exchange the same messages.
"""
