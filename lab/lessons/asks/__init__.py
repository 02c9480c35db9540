"""What the exercises of each lesson ask for, so that its check cells are short.

A lesson imports its own module, and each check is a line or two::

    from lab.lessons.asks import lesson_17 as asks

    lessons.check("Predict", whose, asks.predict(run), hint="Which of the two do hosts read?")

A function has the name of the part of the lesson whose answer it judges: ``predict``,
``break_it``, ``exercise_1``. It is given the runs that it needs, and returns what
:func:`lab.lessons.check` takes: one of :mod:`lab.lessons.answers`.
"""
