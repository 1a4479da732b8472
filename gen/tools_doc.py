#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of docs/tools.md from the tools' definitions, or checks that they agree.

    tools_doc.py PAGE.md FILE.json...           writes them into the page
    tools_doc.py --check PAGE.md FILE.json...   exit code 1 if the page says anything else

What a definition says stands between `<!-- schema: NAME -->` and `<!-- end -->`; all else in the page is
written by hand and left alone. Every definition must have its place in the page.
"""
import json
import pathlib
import re
import sys

BLOCK = re.compile(r"<!-- schema: (\w+) -->\n.*?<!-- end -->", re.S)
HINTS = {
    "readOnlyHint": ("reads only", "writes"),
    "destructiveHint": ("may overwrite or remove", "never overwrites or removes"),
    "idempotentHint": ("repeating changes nothing more", "repeating changes more"),
    "openWorldHint": ("reaches outside", "stays inside this server"),
}


def type_text(schema):
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    named = [f"array of {schema['items']['type']}s" if t == "array" and "items" in schema else t
             for t in types]
    return " or ".join(named)


def notes(schema):
    """Values, bounds, default and description of a property, as one sentence each."""
    out = []
    if "enum" in schema:
        out.append(", ".join(f"`{value}`" for value in schema["enum"]))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        out.append(f"{low} to {high}")
    elif low is not None:
        out.append(f"{low} or more")
    if "default" in schema:
        out.append(f"default `{json.dumps(schema['default'])}`")
    if "description" in schema:
        out.append(schema["description"])
    return "; ".join(out).replace("|", "\\|")


def rows(schema, prefix=""):
    for name, prop in schema["properties"].items():
        required = " (required)" if name in schema.get("required", []) else ""
        yield f"| `{prefix}{name}`{required} | {type_text(prop)} | {notes(prop)} |"
        if "properties" in prop:
            yield from rows(prop, f"{prefix}{name}.")


def section(tool):
    lines = [f"**{tool['title']}.** {tool['description']}", ""]
    parameters = list(rows(tool["inputSchema"]))
    if parameters:
        lines += ["| Parameter | Type | |", "|---|---|---|", *parameters]
    else:
        lines += ["No parameters."]
    members = [f"`{name}` ({prop['type']})" for name, prop in
               tool["outputSchema"]["properties"].items()]
    hints = [HINTS[name][0 if value else 1] for name, value in tool["annotations"].items()]
    lines += ["", "Structured result: " + ", ".join(members) + ".", "",
              "Hints: " + "; ".join(hints) + "."]
    return "\n".join(lines)


def main():
    arguments = sys.argv[1:]
    is_check = arguments[0] == "--check"
    page = pathlib.Path(arguments[1 if is_check else 0])
    tools = {}
    for name in arguments[2 if is_check else 1:]:
        tool = json.loads(pathlib.Path(name).read_text("utf-8"))
        tools[tool["name"]] = tool

    old = page.read_text("utf-8")
    placed = [match[1] for match in BLOCK.finditer(old)]
    if sorted(placed) != sorted(tools):
        sys.exit(f"{page}: has blocks for {sorted(placed)}, the definitions are {sorted(tools)}")
    new = BLOCK.sub(lambda match: f"<!-- schema: {match[1]} -->\n{section(tools[match[1]])}\n"
                                  "<!-- end -->", old)
    if not is_check:
        page.write_text(new, "utf-8")
    elif new != old:
        sys.exit(f"{page}: differs from the definitions; gen/tools_doc.py {page} src/tools/schema/*.json "
                 "writes it anew")


if __name__ == "__main__":
    main()
