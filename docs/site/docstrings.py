"""Docstrings of the library as reStructuredText.

A docstring is plain text to be read in the source: paragraphs, formulas and tables aligned by
spaces, lists of parameters, examples. Paragraphs become text, whose stars and bars are no markup;
aligned lines become blocks of equal width; parameters become lists.
"""

import re

TITLES = ("Parameters", "Attributes", "Fitted attributes", "Raises", "Returns")
ALIGNED = re.compile(r"\S {2,}\S")
SPAN = re.compile(r"(``[^`]+``|`[^`]+`|https?://\S+)")


def to_rst(lines, resolve=lambda name: None):
    """Lines of reStructuredText of a docstring without indentation.

    Parameters
        lines     of the docstring
        resolve   function of a name in single backticks; returns the full name of a documented
                  object, or None

    >>> print(*to_rst(["Norm |x| of `x`.", "", "a   first", "bc  second"]), sep="\\n")
    Norm \\|x\\| of ``x``.
    <BLANKLINE>
    .. code-block:: text
    <BLANKLINE>
       a   first
       bc  second
    <BLANKLINE>
    """
    out, aligned = [], False
    for block in _blocks(lines):
        was_aligned, aligned = aligned, False
        if block[0].startswith(">>>"):
            out += [*block, ""]
        elif block[0].rstrip(":") in TITLES and (len(block) == 1 or block[1].startswith("  ")):
            out += [f":{block[0].rstrip(':')}:", *_entries(block[1:], resolve), ""]
        else:
            plain = next((i for i, line in enumerate(block) if not _is_plain(line)), len(block))
            if plain:
                out += [*prose("\n".join(block[:plain]), resolve).split("\n"), ""]
            if aligned := plain < len(block):
                literal = _literal(block[plain:])
                out += literal[2:] if was_aligned and not plain else literal
    return out


def _blocks(lines):
    """Groups of lines between blank lines; an indented group belongs to the one before."""
    blocks = [
        block.split("\n") for block in re.split(r"\n(?:\s*\n)+", "\n".join(lines).strip("\n"))
    ]
    joined = []
    for block in blocks:
        if joined and block[0].startswith(" ") and not _is_plain(joined[-1][-1]):
            joined[-1] += ["", *block]
        else:
            joined.append(block)
    return [block for block in joined if any(block)]


def _is_plain(line):
    """True for a line of a paragraph: neither indented nor aligned by spaces."""
    return not line.startswith(" ") and not ALIGNED.search(line)


def _literal(block):
    margin = min((len(line) - len(line.lstrip()) for line in block if line.strip()), default=0)
    return [".. code-block:: text", "", *(f"   {line[margin:]}".rstrip() for line in block), ""]


def _entries(block, resolve):
    """Definitions of the parameters of a block `name   description`, indented."""
    block = [line for line in block if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in block), default=0)
    block = [line[margin:] for line in block]
    columns = [m.end() - 1 for line in block if (m := re.match(r"\S.*?  +\S", line))]
    column = max(set(columns), key=columns.count) if columns else 0
    out = []
    for line in block:
        if line.startswith(" "):
            out.append(f"      {prose(line.strip(), resolve)}")
            continue
        if column and line[column - 1 : column] == " " and line[column : column + 1].strip():
            name, text = line[:column], line[column:]
        else:
            name, _, text = re.sub(r"  +", "\0", line, count=1).partition("\0")
        if text:
            out += [f"   ``{name.strip()}``", f"      {prose(text, resolve)}"]
        else:
            out += ["", f"   {prose(name, resolve)}", ""]
    return out


def prose(text, resolve=lambda name: None):
    """A paragraph with its marks escaped, except names in backticks, which become links or code.

    >>> print(prose("p(v | h) of ``a*`` and *b_"))
    p(v \\| h) of ``a*`` and \\*b\\_
    """
    parts = SPAN.split(text)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            parts[i] = re.sub(r"([\\*|_`])", r"\\\1", part).replace("::", ":\\:")
        elif part.startswith("`") and not part.startswith("``"):
            name = part.strip("`")
            full = resolve(name)
            parts[i] = f":py:obj:`{name} <{full}>`" if full else f"``{name}``"
            after = parts[i + 1][:1]
            parts[i] += "\\ " if after.isalnum() else ""
    return "".join(parts)


class Names:
    """Documented names: the full name that a short one means in a docstring.

    Parameters
        full   full names, such as "scratchnet.layers.Dense"
    """

    def __init__(self, full):
        self.full = set(full)
        self.by_short = {}
        for name in sorted(self.full):
            self.by_short.setdefault(name.rpartition(".")[2], []).append(name)

    def resolve(self, short, place):
        """Full name, or None if there is none or more than one; the nearest to place comes first.

        >>> names = Names(["scratchnet.layers.Softmax", "scratchnet.boltzmann.Softmax"])
        >>> names.resolve("Softmax", "scratchnet.layers.Dense.build"), names.resolve("Softmax", "")
        ('scratchnet.layers.Softmax', None)
        """
        if short in self.full:
            return short
        parts = place.split(".")
        for n in range(len(parts), 0, -1):
            if (near := ".".join([*parts[:n], short])) in self.full:
                return near
        found = self.by_short.get(short, [])
        return found[0] if len(found) == 1 else None
