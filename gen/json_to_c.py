#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns JSON definitions into C: one compact string for each file.

    json_to_c.py OUT.c OUT.h HEADER FILE.json...

src/tools/schema/memory_store.json becomes `const struct str schema_memory_store` (folder and stem).
The definitions are checked here, where a mistake stops the build: JSON without duplicate keys, a tool
named like its file, all four hints given, every required property declared.
"""
import json
import pathlib
import sys

from c_text import c_literals

HINTS = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"]


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"key {key!r} is there twice")
    return dict(pairs)


def check_object_schema(schema, where):
    if schema.get("type") != "object":
        raise ValueError(f"{where}: the root is not an object")
    for name in schema.get("required", []):
        if name not in schema["properties"]:
            raise ValueError(f"{where}: required {name!r} is not declared")


def check_tool(tool, stem):
    if tool["name"] != stem:
        raise ValueError(f"the name is {tool['name']!r}, not that of the file")
    for key in ("title", "description"):
        if not tool[key]:
            raise ValueError(f"{key} is empty")
    check_object_schema(tool["inputSchema"], "inputSchema")
    check_object_schema(tool["outputSchema"], "outputSchema")
    if list(tool["annotations"]) != HINTS:
        raise ValueError(f"annotations are not {', '.join(HINTS)}")


def load(path):
    value = json.loads(path.read_text("utf-8"), object_pairs_hook=no_duplicates)
    if path.parent.name == "schema":
        check_tool(value, path.stem)
    return value


def main():
    out_c, out_h, header = sys.argv[1:4]
    declarations, definitions = [], []
    for name in sys.argv[4:]:
        path = pathlib.Path(name)
        try:
            text = json.dumps(load(path), ensure_ascii=False, separators=(",", ":"))
        except (KeyError, ValueError) as problem:
            sys.exit(f"{path}: {problem}")
        symbol = f"{path.resolve().parent.name}_{path.stem}"
        length = len(text.encode("utf-8"))
        declarations.append(f"extern const struct str {symbol};")
        definitions.append(f"const struct str {symbol} = {{\n" + "\n".join(c_literals(text)) +
                           f",\n    {length}}};")

    guard = header.upper().replace("/", "_").replace(".", "_")
    top = "/* Made by gen/json_to_c.py from JSON; change the JSON. */\n"
    pathlib.Path(out_h).write_text(
        f'{top}#ifndef {guard}\n#define {guard}\n\n#include "base/str.h"\n\n' +
        "\n".join(declarations) + "\n\n#endif\n")
    pathlib.Path(out_c).write_text(
        f'{top}#include "{header}"\n\n' + "\n\n".join(definitions) + "\n")


if __name__ == "__main__":
    main()
