"""The command `scratchnet zoo` for the whole catalogue."""

from scratchnet.zoo import FAULTS, command


def test_the_command_prints_a_line_for_each_fault_and_both_tables(monkeypatch, capsys):
    names = ["bias_of_one_sample", "not_transposed"]
    few = {name: FAULTS[name] for name in names}
    monkeypatch.setattr(command, "FAULTS", few)
    command.show_zoo(quick=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(" 1 of 2  bias_of_one_sample: ")
    assert lines[1].startswith(" 2 of 2  not_transposed: ")
    assert sum(line.startswith("not_transposed") for line in lines) == 2
    assert lines[-1].endswith("scratchnet zoo not_transposed")
