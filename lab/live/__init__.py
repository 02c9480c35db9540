"""The same hosts live: real TCP, the wall clock, and an OS process for each.

:mod:`lab.live.host_process` is one host in its process: a thin asyncio driver of the engines.
:mod:`lab.live.network` is what joins them, in a process of its own: SimPy's clock kept in step with
the wall's, so that links, transport services and faults are those of the simulation.
"""
