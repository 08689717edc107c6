#!/usr/bin/env python3
"""Writes the table of values in the chart's README.md from the comments in values.yaml.

    deploy/helm/readme.py            writes the table
    deploy/helm/readme.py --check    changes nothing; ends with 1 where the table differs

A comment that begins with `# --` describes the key below it and all that is below that key. A value
without a description of its own or of a key above it is an error. Of YAML this reads what
values.yaml needs: mappings, lists of mappings, `[]`, `{}`, `[a, b]` and plain or quoted scalars.
"""

import json
import pathlib
import re
import sys

CHART = pathlib.Path(__file__).resolve().parent / "tcpwarden"
VALUES, README = CHART / "values.yaml", CHART / "README.md"
BEGIN, END = "<!-- values: written by deploy/helm/readme.py -->", "<!-- end -->"
KEY = re.compile(r"(?P<key>[A-Za-z0-9_./-]+):(?: (?P<value>.*))?$")


class Wrong(Exception):
    """What is wrong in values.yaml."""


class Line:
    """A line that has a key or an item, with the description above it."""

    def __init__(self, number, indent, text, description):
        self.number, self.indent, self.text = number, indent, text
        self.description = description


def lines_of(text):
    """Returns the lines that are neither comments nor empty."""
    lines, description = [], []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("# -- "):
            description = [stripped[5:]]
        elif stripped.startswith("#") and description:
            description.append(stripped[1:].strip())
        elif not stripped or stripped.startswith("#"):
            description = []
        else:
            indent = len(line) - len(line.lstrip(" "))
            lines.append(Line(number, indent, stripped, " ".join(description)))
            description = []
    return lines


def scalar(text):
    """Returns a value that stands on one line."""
    if text.startswith('"') or text in ("{}", "[]", "true", "false", "null"):
        return json.loads(text)
    if re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if text.startswith("[") and text.endswith("]"):
        return [scalar(item.strip()) for item in text[1:-1].split(",")]
    if re.match(r"[\[{'|>&*!%@`]", text) or " #" in text or ": " in text:
        raise Wrong(f"this script does not read {text!r}")
    return text


class Parser:
    """Reads the lines into values, and collects a row for each description."""

    def __init__(self, lines):
        self.lines, self.at, self.rows = lines, 0, []

    def peek(self):
        return self.lines[self.at] if self.at < len(self.lines) else None

    def block(self, indent, path, described):
        """Reads the mapping or list that begins at this line."""
        line = self.peek()
        if line is None or line.indent < indent:
            raise Wrong(f"{path} has no value")
        if line.text.startswith("- "):
            return self.items(line.indent, path)
        return self.mapping(line.indent, path, described)

    def items(self, indent, path):
        items = []
        while (line := self.peek()) and line.indent == indent and line.text.startswith("- "):
            line.text, line.indent = line.text[2:], indent + 2
            if KEY.match(line.text):
                items.append(self.mapping(indent + 2, path, True))
            else:
                items.append(scalar(line.text))
                self.at += 1
        return items

    def mapping(self, indent, path, described):
        values = {}
        while (line := self.peek()) and line.indent == indent and not line.text.startswith("- "):
            found = KEY.match(line.text)
            if not found:
                raise Wrong(f"line {line.number}: no key in {line.text!r}")
            self.at += 1
            key = found["key"]
            name = f"{path}.{key}" if path else key
            row = None
            if line.description and not described:
                row = len(self.rows)
                self.rows.append((name, None, line.description))
            known = described or bool(line.description)
            if found["value"] is None:
                value = self.block(indent + 1, name, known)
            else:
                value = scalar(found["value"])
                if not known:
                    raise Wrong(f"line {line.number}: {name} has no description (`# -- ...`)")
            if row is not None:
                self.rows[row] = (name, value, line.description)
            values[key] = value
        if (line := self.peek()) and line.indent > indent:
            raise Wrong(f"line {line.number}: the indentation is not that of the line above")
        return values


def read(text):
    """Returns the values, and the rows: name, default, description."""
    parser = Parser(lines_of(text))
    values = parser.block(0, "", False)
    if parser.peek():
        raise Wrong(f"line {parser.peek().number} is not read")
    return values, parser.rows


def table(rows):
    """Returns the table."""
    lines = ["| value | default | what it is |", "|---|---|---|"]
    for name, default, description in rows:
        default = json.dumps(default, ensure_ascii=False).replace("|", "\\|")
        description = description.replace("|", "\\|")
        lines.append(f"| `{name}` | `{default}` | {description} |")
    return "\n".join(lines)


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    try:
        _, rows = read(VALUES.read_text(encoding="utf-8"))
    except (Wrong, ValueError) as error:
        sys.exit(f"{VALUES}: {error}")
    old = README.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{README} lacks the lines {BEGIN} and {END}")
    new = f"{before}{BEGIN}\n{table(rows)}\n{END}{after}"
    if arguments:
        if new != old:
            print(f"{README} does not have the values of values.yaml: deploy/helm/readme.py")
        return 1 if new != old else 0
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
