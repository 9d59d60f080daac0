"""Pages of the API: one for each public module with its functions, and one for each public class.

The names come from the modules themselves: `__all__`, or what a module defines without an
underscore. Documented are the modules below and each module that a lesson imports from.
"""

import ast
import importlib
import inspect
import types

from docs.site.docstrings import prose

GROUPS = {
    "Models": "layers layers.plain losses models.vae models.gan models.judge boltzmann",
    "Training": "training optimizers schedules callbacks metrics initializers saving parallel",
    "Checks and views": "gradcheck xray zoo pages plots",
    "Data and exchange": "data exchange",
    "Arrays and lessons": "backend numerics lesson",
}
OTHERS = "Used in lessons"


def lesson_modules(root):
    """Modules of scratchnet that the lessons import from, such as "boltzmann.plain"."""
    found = set()
    for lesson in (root / "lessons").glob("[0-9][0-9]_*.py"):
        for node in ast.walk(ast.parse(lesson.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scratchnet."):
                found.add(node.module.removeprefix("scratchnet."))
    return found


def public_parts(module):
    """({name: class}, {name: function}, {name: module}) of a module."""
    own = [
        name
        for name, part in vars(module).items()
        if not name.startswith("_") and getattr(part, "__module__", "") == module.__name__
    ]
    parts = {name: getattr(module, name) for name in getattr(module, "__all__", own)}
    return (
        {name: part for name, part in parts.items() if inspect.isclass(part)},
        {name: part for name, part in parts.items() if inspect.isfunction(part)},
        {name: part for name, part in parts.items() if isinstance(part, types.ModuleType)},
    )


def documented(root):
    """{group: [module]} of the modules with a page."""
    groups = {
        group: [importlib.import_module(f"scratchnet.{name}") for name in names.split()]
        for group, names in GROUPS.items()
    }
    listed = {module.__name__ for modules in groups.values() for module in modules}
    further = {f"scratchnet.{name}" for name in lesson_modules(root)} - listed
    elsewhere = set()  # modules whose parts another module exports
    for modules in groups.values():
        for module in modules:
            classes, functions, modules_of = public_parts(module)
            further |= {part.__name__ for part in modules_of.values()}
            elsewhere |= {part.__module__ for part in (classes | functions).values()}
    names = sorted(further - listed - elsewhere)
    return groups | {OTHERS: [importlib.import_module(name) for name in names]}


def places(groups):
    """{class or function: full name}, where it is first exported; it is documented there."""
    found = {}
    for module in (module for modules in groups.values() for module in modules):
        classes, functions, _ = public_parts(module)
        for name, part in (classes | functions).items():
            found.setdefault(part, f"{module.__name__}.{name}")
    return found


def documented_names(root):
    """Full names of all documented classes and functions."""
    return places(documented(root)).values()


def write_api(root, write):
    """Write index.rst and the pages of all modules and classes with write(name, text)."""
    groups = documented(root)
    full = places(groups)
    modules = [module for group in groups.values() for module in group]
    parents = {module: parent(module, modules) for module in modules}
    lines = [heading("API", "="), "Names, shapes, formulas and sources, from the docstrings."]
    for group, members in groups.items():
        lines.append(heading(group, "-"))
        if upper := [module.__name__ for module in members if not parents[module]]:
            lines.append(toctree(upper))
        lines += [entry(f":doc:`{m.__name__} <{m.__name__}>`", m) for m in members]
    write("index.rst", "\n\n".join(lines) + "\n")
    for module in modules:
        lower = [m.__name__ for m in modules if parents[m] is module]
        write(f"{module.__name__}.rst", module_page(module, full, lower))
    for part, name in full.items():
        if inspect.isclass(part):
            write(f"{name}.rst", class_page(part, name))


def parent(module, modules):
    """The documented package with the longest name that contains a module, or None."""
    above = [m for m in modules if module.__name__.startswith(m.__name__ + ".")]
    return max(above, key=lambda m: len(m.__name__), default=None)


def module_page(module, full, lower):
    """Docstring of a module, lists of its classes and modules, and its functions.

    Parameters
        full    the names of `places`
        lower   names of the documented modules in this package
    """
    name = module.__name__
    classes, functions, modules = public_parts(module)
    lines = [heading(name, "="), f".. automodule:: {name}\n   :no-members:"]
    own = [full[part] for part in classes.values() if full[part].rpartition(".")[0] == name]
    if own or lower:
        lines.append(toctree(own + lower, within=name))
    if classes:
        lines += [heading("Classes", "-")]
        lines += [entry(f":doc:`{p.__name__} <{full[p]}>`", p) for p in classes.values()]
    if modules:
        lines += [heading("Modules", "-")]
        lines += [entry(f":doc:`{key} <{m.__name__}>`", m) for key, m in modules.items()]
    if functions:
        lines += [heading("Functions", "-")]
    for key, part in functions.items():
        if full[part] == f"{name}.{key}":
            lines.append(f".. autofunction:: {name}.{key}")
        else:
            lines.append(entry(f":py:func:`{key} <{full[part]}>`", part))
    return "\n\n".join(lines) + "\n"


def class_page(part, name):
    """Docstring and methods of a class, and thumbnails of the lessons that use it."""
    module = name.rpartition(".")[0]
    option = ""
    if part.__module__.startswith("scratchnet.boltzmann") and hasattr(part, "get_params"):
        option = "\n   :inherited-members: BaseEstimator, TransformerMixin, ClassifierMixin"
    lines = [
        heading(part.__name__, "="),
        f"Defined in :doc:`{module} <{module}>`.",
        f".. autoclass:: {name}{option}",
        f".. minigallery:: {name}\n   :add-heading: Lessons that use {part.__name__}\n"
        "   :heading-level: -",
    ]
    return "\n\n".join(lines) + "\n"


def entry(link, part):
    """Line of a list: link and summary of a class or module."""
    summary = (inspect.getdoc(part) or "").split("\n\n")[0].replace("\n", " ")
    return f"* {link}: {prose(summary)}"


def heading(text, mark):
    """Heading in reStructuredText."""
    return f"{text}\n{mark * len(text)}"


def toctree(names, within="scratchnet"):
    """Pages below a page, in the sidebar alone; their titles omit the name of the package."""
    listed = "\n".join(f"   {name.removeprefix(within + '.')} <{name}>" for name in names)
    return f".. toctree::\n   :hidden:\n\n{listed}"
