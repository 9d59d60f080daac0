"""Exercises that are graded: write a layer, loss, optimizer or step, and have it checked.

    catalogue   the exercises in course order
    files       writes an exercise, imports the answer and keeps the progress
    grading     the checks of an answer, one after the other
    answers     answers to the open questions at the ends of the lessons, one script each

`scratchnet exercise`, `scratchnet grade`, `scratchnet progress` and `scratchnet answer` are the
commands. The files to fill in are in templates/.
"""
