"""The command `scratchnet zoo`: print both tables, or one fault."""

import time

from scratchnet.validation import unknown_name
from scratchnet.zoo import FAULTS
from scratchnet.zoo.tables import checks_table, description, effects_table, results


def show_zoo(name: str | None = None, quick: bool = False) -> None:
    """Print the tables of all faults, or the description of one.

    Parameters
        name    of a fault; None: all
        quick   train for one fifth of the epochs

    Raises ValueError for an unknown name.
    """
    if name is not None:
        if name not in FAULTS:
            raise unknown_name("fault", name, FAULTS)
        print(description(next(results([name], quick))))
        return
    began, found = time.perf_counter(), []
    for result in results(FAULTS, quick):
        found.append(result)
        print(
            f"{len(found):2} of {len(FAULTS)}  {result.fault.name}: {result.fault.title}",
            flush=True,
        )
    print("\nThe check that finds it (x found, . not found, - cannot be applied)\n")
    print(checks_table(found))
    print("\nDoes a model with the fault learn? Quality on test data\n")
    print(effects_table(found))
    print(f"\n{time.perf_counter() - began:.0f} s. Code of one: scratchnet zoo {result.fault.name}")
