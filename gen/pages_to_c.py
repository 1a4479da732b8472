#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the templates of pages into C: one string for each, and the hash of their style sheet.

    pages_to_c.py OUT.c OUT.h HEADER style.css FILE.part... FILE.html...

login.html becomes `const struct str page_login`. {{> head}} is replaced by head.part, {{> style}} by the style
sheet in its element; what else is in braces stays for src/rest/template.c. Checked here, where a mistake
stops the build: sections nest, no page has a script, a style or an event attribute, or loads anything.
"""
import base64
import hashlib
import pathlib
import re
import sys

from c_text import c_literals

TAG = re.compile(r"\{\{([#/]?)([a-z_]+)\}\}")
FORBIDDEN = [r"<script", r"\bstyle=", r"\bon[a-z]+=", r"\bsrc=", r"https?:", r"<link", r"<iframe"]


def check(text, name):
    open_sections = []
    for kind, section in TAG.findall(text):
        if kind == "#":
            open_sections.append(section)
        elif kind == "/" and (not open_sections or open_sections.pop() != section):
            sys.exit(f"{name}: {section} ends where it has not begun")
    if open_sections or "{{" in TAG.sub("", text):
        sys.exit(f"{name}: a section does not end, or braces are none of ours")
    for pattern in FORBIDDEN:
        if re.search(pattern, text, re.IGNORECASE):
            sys.exit(f"{name}: {pattern} is not for our pages")


def main():
    out_c, out_h, header, style_file = sys.argv[1:5]
    style = pathlib.Path(style_file).read_text("utf-8").replace("\n", "")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode()
    files = [pathlib.Path(name) for name in sys.argv[5:]]
    parts = {f.stem: f.read_text("utf-8") for f in files if f.suffix == ".part"}
    declarations = ["extern const char page_style_hash[]; /* for style-src */"]
    definitions = [f'const char page_style_hash[] = "sha256-{digest}";']
    for path in files:
        if path.suffix != ".html":
            continue
        text = re.sub(r"\{\{> (head|foot)\}\}\n", lambda m: parts[m[1]], path.read_text("utf-8"))
        check(text.replace("{{> style}}", ""), path)
        text = text.replace("{{> style}}", f"<style>{style}</style>")
        declarations.append(f"extern const struct str page_{path.stem};")
        definitions.append(f"const struct str page_{path.stem} = {{\n" + "\n".join(c_literals(text)) +
                           f",\n    {len(text.encode('utf-8'))}}};")

    guard = header.upper().replace("/", "_").replace(".", "_")
    top = "/* Made by gen/pages_to_c.py from src/rest/pages; change them. */\n"
    pathlib.Path(out_h).write_text(
        f'{top}#ifndef {guard}\n#define {guard}\n\n#include "base/str.h"\n\n' +
        "\n".join(declarations) + "\n\n#endif\n")
    pathlib.Path(out_c).write_text(
        f'{top}#include "{header}"\n\n' + "\n\n".join(definitions) + "\n")


if __name__ == "__main__":
    main()
