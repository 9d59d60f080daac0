"""The page for teachers: its lectures name what exists, its demonstrations show what they say."""

import re
from pathlib import Path

import pytest

from scratchnet.cli import find_lessons
from scratchnet.exercises.answers import answer_to
from scratchnet.exercises.catalogue import EXERCISES
from scratchnet.zoo import FAULTS

PAGE = Path(__file__).parents[1] / "docs" / "teaching.md"
COURSE, DEMONSTRATIONS = PAGE.read_text(encoding="utf-8").split("## Ten demonstrations\n")
INTRODUCTION, *LECTURES = re.split(r"^### Lecture ", COURSE, flags=re.M)
COMMON_LINES, *SECTIONS = re.split(r"^### Demonstration ", DEMONSTRATIONS, flags=re.M)
TITLES = [section.split("\n")[0] for section in SECTIONS]
ITEMS = ["Lessons", "Demonstration", "Exercises", "Questions", "Minutes", "Common errors"]
SHOWN = {  # what a demonstration of code prints
    "1": r"max_pooling2d +\(N, 3, 3, 8\)",
    "2": r"The gradient vanishes: .* in dense_10 and .* in dense",
    "3": r"units of relu are dead",
    "4": r"The gradient explodes",
    "7": r"^(\S+) \1$",
    "10": r"'accuracy': 1.0}.*'accuracy': 0\.",
}


def blocks(section):
    return re.findall(r"```python\n(.*?)```", section, re.S)


def items(lecture):
    """{title: text} of the list of a lecture."""
    found = re.findall(r"^\* \*\*(.*?)\*\*:(.*?)(?=^\* |\Z)", lecture, re.M | re.S)
    return {title: " ".join(text.split()) for title, text in found}


def lessons_of(lecture):
    return re.findall(r"\b\d\d\b", items(lecture)["Lessons"])


def names(lecture, title):
    return re.findall(r"`(\w+)`", items(lecture)[title])


@pytest.mark.parametrize("lecture", LECTURES, ids=[text.split("\n")[0] for text in LECTURES])
def test_what_a_lecture_names_exists(lecture):
    assert list(items(lecture)) == ITEMS
    assert set(lessons_of(lecture)) <= set(find_lessons())
    exercises = names(lecture, "Exercises")
    assert exercises and set(exercises) <= {exercise.name for exercise in EXERCISES}
    questions = re.findall(r"`scratchnet answer (\d\d)`", items(lecture)["Questions"])
    assert set(questions) <= set(lessons_of(lecture))
    assert all(answer_to(number) for number in questions)
    minutes = re.findall(r"\d+", items(lecture)["Minutes"])
    assert sum(map(int, minutes)) == 90


@pytest.mark.parametrize("lecture", LECTURES, ids=[text.split("\n")[0] for text in LECTURES])
def test_common_errors_have_their_names_and_titles_of_the_bug_zoo(lecture):
    listed = re.split(r"\n  \* ", lecture.split("**Common errors**:")[1].strip("\n"))
    entries = [" ".join(text.split()).removeprefix("* ") for text in listed]
    named = dict(match.groups() for e in entries if (match := re.fullmatch(r"`(\w+)`: (.*)", e)))
    assert named and named.items() <= {name: f.title for name, f in FAULTS.items()}.items()


def test_the_course_has_ten_lectures_with_all_lessons_exercises_and_demonstrations():
    assert [lecture.split(":")[0] for lecture in LECTURES] == [str(i) for i in range(1, 11)]
    assert sorted({n for lecture in LECTURES for n in lessons_of(lecture)}) == sorted(
        find_lessons()
    )
    exercises = {name for lecture in LECTURES for name in names(lecture, "Exercises")}
    assert exercises == {exercise.name for exercise in EXERCISES}
    shown = " ".join(items(lecture)["Demonstration"] for lecture in LECTURES)
    used = dict(re.findall(r"(\d+) \(([^)]*)\)", shown))
    titles = dict(title.split(": ") for title in TITLES)
    assert {n: title.lower() for n, title in titles.items()} == {
        n: title.lower() for n, title in used.items()
    }


def test_the_table_of_the_course_agrees_with_its_lectures():
    rows = re.findall(r"^\| (\d+)\. (.*?) \| (.*?) \| (.*?) \| (\d+) \|$", INTRODUCTION, re.M)
    assert len(rows) == len(LECTURES)
    for lecture, (number, title, lessons, shown, exercises) in zip(LECTURES, rows, strict=True):
        assert lecture.startswith(f"{number}: {title}\n")
        assert lessons.split(", ") == lessons_of(lecture)
        assert shown == "page step" or set(shown.split(", ")) <= set(
            re.findall(r"(\d+) \(", items(lecture)["Demonstration"])
        )
        assert int(exercises) == len(names(lecture, "Exercises"))


def test_there_are_ten_demonstrations():
    assert [section.split(":")[0] for section in SECTIONS] == [str(i) for i in range(1, 11)]


@pytest.mark.parametrize("section", SECTIONS, ids=TITLES)
def test_a_demonstration_is_one_command_or_three_lines(section, capsys):
    number = section.split(":")[0]
    if number not in SHOWN:
        command = re.search(r"`scratchnet (page|compare|run) [^`]+`", section)
        assert command and not blocks(section)
        return
    (code,) = blocks(section)
    assert len(code.strip().split("\n")) <= 3
    exec(blocks(COMMON_LINES)[0] + code, {})
    assert re.search(SHOWN[number], capsys.readouterr().out, re.M)
