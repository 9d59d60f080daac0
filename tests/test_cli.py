"""The command line: what it prints, and its exit codes."""

import os
import subprocess
import sys

import fake_cupy
import numpy as np
import pytest

from scratchnet import __version__, cli, gradcheck_cases
from scratchnet.data import cache_dir
from scratchnet.layers import ReLU


def test_lessons_lists_number_title_and_path(capsys):
    assert cli.main(["lessons"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("01 - Dense autoencoder")
    assert first.endswith("01_dense_autoencoder.py")


def test_run_hands_the_flags_to_the_lesson(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["scratchnet"])
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", "02", "--help"])
    assert stopped.value.code == 0
    assert "--hidden-1" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["1", "01", "01_dense_autoencoder", "01_dense_autoencoder.py"])
def test_a_lesson_is_known_by_number_and_name(monkeypatch, capsys, tmp_path, name):
    monkeypatch.setattr(sys, "argv", ["scratchnet"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", name, "--help"])
    assert stopped.value.code == 0
    assert "01_dense_autoencoder" in capsys.readouterr().out


def test_gradcheck_knows_names_in_any_case(capsys):
    assert cli.main(["gradcheck", "mean_squared-error"]) == 0
    assert "MeanSquaredError" in capsys.readouterr().out


def test_the_help_of_gradcheck_names_the_function_for_a_layer_of_your_own(capsys):
    with pytest.raises(SystemExit):
        cli.main(["gradcheck", "--help"])
    assert "print(gradcheck(MyLayer(), x))" in " ".join(capsys.readouterr().out.split())


def test_gradcheck_prints_a_line_as_soon_as_a_layer_is_checked(monkeypatch, capsys):
    printed = []

    def run(case, run=gradcheck_cases.Case.run):
        printed.append(capsys.readouterr().out)
        return run(case)

    monkeypatch.setattr(gradcheck_cases, "LOSSES", {})
    layers = {name: gradcheck_cases.LAYERS[name] for name in ("Dense", "ReLU")}
    monkeypatch.setattr(gradcheck_cases, "LAYERS", layers)
    monkeypatch.setattr(gradcheck_cases.Case, "run", run)
    assert cli.main(["gradcheck"]) == 0
    lines = [text for text in printed if text]
    assert lines[0].startswith("layer or loss") and lines[1].startswith("Dense")


@pytest.mark.parametrize("arguments", [["lessons"], ["doctor"], ["--help"]])
def test_a_closed_pipe_ends_a_command_without_a_message(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "scratchnet", *arguments]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.stderr == "" and done.returncode in (0, 1)  # --help ends before the flush


def test_gradcheck_of_one_layer_prints_its_tables(capsys):
    assert cli.main(["gradcheck", "relu"]) == 0
    printed = capsys.readouterr().out
    assert "all gradients agree" in printed
    assert "8 of 8 cases agree" in printed


def test_gradcheck_fails_with_exit_code_1_and_shows_the_table(monkeypatch, capsys):
    class Broken(ReLU):
        def backward(self, dy, y):
            return dy, {}

    monkeypatch.setattr(gradcheck_cases.layers, "ReLU", Broken)
    assert cli.main(["gradcheck", "ReLU"]) == 1
    printed = capsys.readouterr().out
    assert "WRONG GRADIENT" in printed and "0 of 8 cases agree" in printed


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["gradcheck", "LSTMM"], "did you mean 'LSTM'?"),
        (["gradcheck", "mine.py"], "print(gradcheck(MyLayer(), x))"),
        (["run", "99"], "unknown lesson '99'"),
        (["data", "mnits"], "did you mean 'mnist'?"),
    ],
)
def test_an_unknown_name_gets_one_sentence_and_exit_code_2(capsys, arguments, sentence):
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("scratchnet: ") and sentence in error
    assert error.count("\n") == 1


def test_unknown_flags_are_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["gradcheck", "--fast"])
    assert stopped.value.code == 2
    assert "unrecognized arguments: --fast" in capsys.readouterr().err


def test_without_lessons_it_says_where_they_are(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "scratchnet" / "cli.py"))
    assert cli.main(["lessons"]) == 2
    assert "there is no folder `lessons` here" in capsys.readouterr().err


def test_data_describes_a_set(capsys):
    assert cli.main(["data", "Digits"]) == 0
    assert "(1437, 8, 8, 1)" in capsys.readouterr().out
    assert cli.main(["data"]) == 0
    assert "SCRATCHNET_DATA" in capsys.readouterr().out


def test_python_m_scratchnet_is_the_same_command():
    arguments = [sys.executable, "-m", "scratchnet", "--version"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"scratchnet {__version__}"


def doctor(capsys):
    """{name: finding} as `scratchnet doctor` prints them."""
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line[:16].strip(): line[18:] for line in lines}


def test_doctor_shows_versions_arithmetic_and_folders(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SCRATCHNET_DATA", str(tmp_path / "nowhere"))
    found = doctor(capsys)
    assert found["scratchnet"] == __version__
    assert found["numpy"] == np.__version__
    assert "threads" in found["BLAS"]
    assert found["SCRATCHNET_DATA"] == f"{tmp_path / 'nowhere'} (does not exist)"
    assert str(cache_dir()) in found["cache"]


@pytest.mark.parametrize("kernel", [None, "Haswell"])
def test_doctor_says_if_the_kernel_of_openblas_is_a_choice_of_the_environment(
    capsys, monkeypatch, kernel
):
    pool = {"user_api": "blas", "filepath": "a/numpy.libs/b", "internal_api": "openblas"}
    pool |= {"version": "0.3.31", "num_threads": 2, "architecture": "Haswell"}
    monkeypatch.setattr("scratchnet.doctor.threadpool_info", lambda: [pool])
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    if kernel:
        monkeypatch.setenv("OPENBLAS_CORETYPE", kernel)
    found = doctor(capsys)
    assert found["BLAS"] == "openblas 0.3.31, kernel Haswell, 2 threads (numpy.libs)"
    assert ("OPENBLAS_CORETYPE=Haswell is set" in found.get("", "")) == bool(kernel)


def test_doctor_says_in_one_sentence_why_there_is_no_gpu(capsys, monkeypatch):
    monkeypatch.setattr("scratchnet.doctor.gpu_problem", lambda: "no driver in this test")
    assert doctor(capsys)["GPU"] == "not usable: no driver in this test"


def test_doctor_shows_the_version_of_numba_or_why_it_is_not_used(capsys, monkeypatch):
    monkeypatch.setattr("scratchnet.compiled.numba_problem", lambda: "needs another NumPy")
    assert doctor(capsys)["Numba"] == "not used: needs another NumPy"
    monkeypatch.setattr("scratchnet.compiled.numba_problem", lambda: None)
    monkeypatch.setattr("importlib.metadata.version", lambda package: f"1.0 of {package}")
    assert doctor(capsys)["Numba"] == "1.0 of numba"


def test_doctor_describes_a_gpu(capsys):
    with fake_cupy.installed():
        assert doctor(capsys)["GPU"].startswith("stand-in, driver for CUDA 13.0")


def test_doctor_warns_of_two_cupy_wheels(capsys, monkeypatch):
    monkeypatch.setattr("scratchnet.doctor._version", lambda wheel: "14.2")
    assert "uninstall all but one" in doctor(capsys)[""]
