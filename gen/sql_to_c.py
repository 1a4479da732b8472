#!/usr/bin/env python3
"""Turns numbered SQL files into one C table of migrations.

usage: sql_to_c.py OUT.c FILE...   (files in order; FILE begins with its number)
"""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import re
import sys


def c_string(text):
    """The text as C string literals, one per line."""
    lines = []
    for line in text.splitlines():
        line = re.sub(r"\s*--.*$", "", line)  # no file has "--" inside a literal
        if line.strip():
            escaped = line.replace("\\", "\\\\").replace('"', '\\"')
            lines.append('    "%s\\n"' % escaped)
    return "\n".join(lines)


def main():
    out, files = sys.argv[1], sys.argv[2:]
    rows = []
    for number, name in enumerate(sorted(files), start=1):
        path = pathlib.Path(name)
        if int(path.name.split("_")[0]) != number:
            sys.exit("%s: expected migration number %04d" % (name, number))
        rows.append(c_string(path.read_text(encoding="utf-8")) + ",")
    text = (
        "/* Generated from src/store/sql by gen/sql_to_c.py. */\n"
        '#include "store/store_int.h"\n\n'
        "const char *const store_migrations[] = {\n%s\n};\n"
        "const int store_n_migrations = %d;\n" % ("\n".join(rows), len(rows))
    )
    pathlib.Path(out).write_text(text, encoding="utf-8")


main()
