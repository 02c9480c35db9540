"""One run on several processes: each simulates a part of the hosts, kept in step by latency.

A part is a process with a simulation of its own: the same hosts, links and faults as in one
process, of which it moves only its own. What crosses to another part takes at least the latency of
the link between them; so all parts may go on by that much (the *lookahead*) before they must hear
of each other. They go from window to window, and at the end of each tell each other what has been
sent. Where much happens, windows are half a lookahead long, and what is heard then is what the
others told at the end of the one before: so none waits for one that is a window late. It is the
conservative, synchronous way of distributed simulation (Chandy and Misra 1979; Nicol 1993, "The
cost of conservative synchronization in parallel discrete event simulations"); ns-3's MPI simulator
goes by such windows.

What is made of the rows is shared out too. Digest and replies concern one host, or one session:
their part sees to them. Account and rules of the mail follow a message from host to host: the part
where it was handed in keeps the books of it, and the others tell that part what they did. Who
gathers the parts takes what is to be kept of the trace, and what has become of the mail.

The parts of a run are processes of one machine, joined by pipes: they exchange one message a
window, and a pipe has it there in some ten microseconds. MPI would have to be installed, and would
not be faster here.
"""
