"""How a setting is declared: once, as a field of a dataclass, with what its readers need to know.

``metadata=setting("duration", "Time to store a message.", "4.1.1")`` says which kind of value the
setting has (a name of :data:`lab.topology.kinds.KINDS`), what it means, and where RFC 821 speaks of
it. Name, type and default are those of the field. :mod:`lab.topology` makes the rest of it: the key
of the topology file, its validation, the graph attribute, the writer, the reference page and the
JSON Schema.
"""

from __future__ import annotations

from typing import Any


def setting(kind: str, help: str, section: str = "", **details: Any) -> dict[str, Any]:
    """Return the declaration of a setting, as the metadata of a dataclass's field.

    ``help`` is a sentence or two; ``section`` a section of RFC 821, or another source. ``details``:

    - ``key``: the key of the topology file, if it is not the field's name;
    - ``unit``: the unit, if the kind has none;
    - ``words``: the words of a choice, and what each means;
    - ``of``: the dataclass that declares an inner table;
    - ``default``: the file's default, if the field has none;
    - ``default_text``: the default as the reference page puts it, where its value does not say it;
    - ``required``: true if the file must have it, although the field has a default;
    - ``example``: a value in the syntax of TOML;
    - ``own``: true if it belongs to a single host or link, and so cannot be in ``[defaults]``;
    - ``router``: true if a router may have it too;
    - ``tables``: a second key that holds the same as tables in double brackets;
    - ``trace``: "always", or "set" (if it is not at its default): a trace's description of hosts
      and links has it (:func:`lab.topology.describe.describe`);
    - ``old``: the former name of the key, which is still read.
    """
    return {"kind": kind, "help": help, "section": section, **details}
