#!/usr/bin/env python3
"""layers.py - the shape of src/: layers, headers, libraries, licence lines.

The order of folders in src/meson.build is the order of layers: a file includes only from its own folder
and those above in that list. Headers named X_int.h stay in folder X, each library is included in one
folder only, and no header includes itself through others. The rules are checked on src/ and, so that
they are known to find what they look for, on small trees that break each of them.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import re
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)

# The first part of a library's header name, and the only folder that may include it. jansson is not
# here: its values are what the layers at the edges speak.
LIBRARIES = {
    "unistr": "text", "uninorm": "text", "unicase": "text", "unictype": "text", "uniwidth": "text",
    "gnutls": "crypto",
    "sqlite3": "store",
    "microhttpd": "http",
    "libpq-fe": "store",
    "curl": "fetch",
}


def layers_of(src):
    """Folders in the order of src/meson.build, lowest first."""
    text = (src / "meson.build").read_text()
    return re.findall(r"^subdir\('([^']+)'\)", text, re.M)


def sources(src):
    return sorted(p for p in src.rglob("*") if p.suffix in (".c", ".h"))


def includes(path):
    return INCLUDE.findall(path.read_text())


def check_order(src):
    """Includes that go up, that reach into another folder, or that name no layer."""
    layers = layers_of(src)
    problems = []
    for path in sources(src):
        name = path.relative_to(src)
        folder = name.parts[0] if len(name.parts) > 1 else None
        if folder and folder not in layers:
            problems.append(f"{name}: its folder is not in src/meson.build")
            continue
        for kind, header in includes(path):
            target = header.split("/")[0] if "/" in header else None
            if kind != '"' or target is None or not (src / header).is_file():
                continue
            if folder and layers.index(target) > layers.index(folder):
                problems.append(f"{name}: includes {header}, which is a layer above")
            if target != folder and header.endswith("_int.h"):
                problems.append(f"{name}: includes {header}, which is internal to {target}/")
    return problems


def check_libraries(src):
    problems = []
    for path in sources(src):
        name = path.relative_to(src)
        for kind, header in includes(path):
            home = LIBRARIES.get(re.split(r"[/.]", header)[0])
            if kind == "<" and home and name.parts[0] != home:
                problems.append(f"{name}: includes <{header}>, which belongs to {home}/")
    return problems


def check_circles(src):
    graph = {
        str(p.relative_to(src)): [h for k, h in includes(p) if k == '"' and (src / h).is_file()]
        for p in sources(src) if p.suffix == ".h"
    }
    problems, done = [], set()

    def visit(name, path):
        if name in path:
            problems.append("circle: " + " -> ".join(path[path.index(name):] + [name]))
        elif name not in done:
            for target in graph.get(name, []):
                visit(target, path + [name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return problems


def check_own_header(src):
    """A .c file includes a header of its own folder before any other."""
    problems = []
    for path in sources(src):
        name = path.relative_to(src)
        found = includes(path)
        if path.suffix != ".c" or len(name.parts) < 2 or not found:
            continue
        kind, header = found[0]
        if kind != '"' or header.split("/")[0] != name.parts[0]:
            problems.append(f"{name}: its first include is {header}, not a header of its folder")
    return problems


def check_licence(src):
    return [f"{p.relative_to(src)}: no SPDX-License-Identifier: Apache-2.0"
            for p in sources(src) if "SPDX-License-Identifier: Apache-2.0" not in p.read_text()]


class Source(unittest.TestCase):
    """The rules, on src/ as it is."""

    def check(self, rule):
        problems = rule(ROOT / "src")
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def test_there_are_sources_to_check(self):
        self.assertGreater(len(sources(ROOT / "src")), 20)

    def test_includes_go_down(self):
        self.check(check_order)

    def test_each_library_has_one_folder(self):
        self.check(check_libraries)

    def test_headers_make_no_circle(self):
        self.check(check_circles)

    def test_own_header_comes_first(self):
        self.check(check_own_header)

    def test_every_file_names_its_licence(self):
        self.check(check_licence)


class Rules(unittest.TestCase):
    """Each rule finds what breaks it."""

    def problems(self, rule, files):
        with tempfile.TemporaryDirectory() as folder:
            src = pathlib.Path(folder)
            (src / "meson.build").write_text("subdir('low')\nsubdir('high')\n")
            for name, text in files.items():
                (src / name).parent.mkdir(exist_ok=True)
                (src / name).write_text(text)
            return rule(src)

    def test_an_include_that_goes_up(self):
        files = {"low/a.c": '#include "high/high.h"\n', "high/high.h": ""}
        self.assertEqual(self.problems(check_order, files),
                         ["low/a.c: includes high/high.h, which is a layer above"])

    def test_an_include_that_goes_down(self):
        files = {"low/low.h": "", "high/a.c": '#include "low/low.h"\n'}
        self.assertEqual(self.problems(check_order, files), [])

    def test_an_internal_header_of_another_folder(self):
        files = {"low/low_int.h": "", "high/a.c": '#include "low/low_int.h"\n'}
        self.assertEqual(self.problems(check_order, files),
                         ["high/a.c: includes low/low_int.h, which is internal to low/"])

    def test_a_folder_without_a_layer(self):
        self.assertEqual(self.problems(check_order, {"odd/a.c": ""}),
                         ["odd/a.c: its folder is not in src/meson.build"])

    def test_a_library_elsewhere(self):
        self.assertEqual(self.problems(check_libraries, {"low/a.c": "#include <sqlite3.h>\n"}),
                         ["low/a.c: includes <sqlite3.h>, which belongs to store/"])

    def test_a_circle(self):
        files = {"low/a.h": '#include "low/b.h"\n', "low/b.h": '#include "low/a.h"\n'}
        self.assertEqual(self.problems(check_circles, files),
                         ["circle: low/a.h -> low/b.h -> low/a.h"])

    def test_another_header_first(self):
        files = {"low/a.c": '#include <stdio.h>\n#include "low/a.h"\n'}
        self.assertEqual(self.problems(check_own_header, files),
                         ["low/a.c: its first include is stdio.h, not a header of its folder"])

    def test_a_file_without_licence(self):
        self.assertEqual(len(self.problems(check_licence, {"low/a.c": "int x;\n"})), 1)


def main():
    result = unittest.main(exit=False, argv=sys.argv[:1]).result
    n_failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - n_failed} passed, {n_failed} failed")
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
