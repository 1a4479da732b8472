#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The layers of src/, checked by its #include lines.

The order of the folders in src/meson.build is the order of the layers, lowest first. A file may
include headers of its own folder and of folders above it in that list (files of src/ itself: of
all); of another folder only its public header, X/X.h (base/ has several, store/ two); and a library's headers
only where that library belongs. So nothing can go round in a circle either.

Besides, every file names its licence, and a .c file includes a header of its own folder before any
other, so that each header is known to stand alone.

First the check is tried on made-up files that break each rule: a check that finds nothing proves
nothing.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
LICENCE = "SPDX-License-Identifier: Apache-2.0"
SUBDIR = re.compile(r"^\s*subdir\('([^']+)'\)", re.MULTILINE)

# Which folder may include which library's headers. jansson is not here: edges may use it.
LIBRARIES = [
    (re.compile(r"^uni(str|type|case|norm|name|width|gbrk|wbrk|lbrk|conv|stdio|ctype)\.h$"), "text"),
    (re.compile(r"^gnutls/"), "crypto"),
    (re.compile(r"^sodium(\.h$|/)"), "crypto"),
    (re.compile(r"^sqlite3(ext)?\.h$"), "store"),
    (re.compile(r"^microhttpd\.h$"), "http"),
    (re.compile(r"^curl/"), "fetch"),
]

# A folder's further public header. store/ holds two databases, each with an interface of its own.
PUBLIC = {"store/auth_store.h"}


def folder_of(path):
    """"base" for "base/str.h", "" for "app.c"."""
    return path.rpartition("/")[0]


def is_public(header, folder):
    return folder == "base" or header == f"{folder}/{folder}.h" or header in PUBLIC


def check_own(path, header, ranks):
    """What is wrong with including one of our headers, or None."""
    here, there = folder_of(path), folder_of(header)
    if there == "":
        return None if here == "" else "only files of src/ itself may include it"
    if there not in ranks:
        return f"{there}/ is not in src/meson.build"
    if here == there:
        return None
    if here != "" and ranks[there] > ranks[here]:
        return f"{there}/ is a layer above {here}/"
    if not is_public(header, there):
        return f"it is inside {there}/"
    return None


def check_library(path, header):
    for pattern, folder in LIBRARIES:
        if pattern.match(header) and folder_of(path) != folder:
            return f"only {folder}/ may include it"
    return None


def check(order, files):
    """The problems in files, a dict of path below src/ to text, as lines."""
    ranks = {folder: rank for rank, folder in enumerate(order)}
    problems = []
    for path, text in sorted(files.items()):
        if folder_of(path) not in ranks and folder_of(path) != "":
            problems.append(f"{path}: its folder is not in src/meson.build")
            continue
        for kind, header in INCLUDE.findall(COMMENT.sub("", text)):
            if kind == '"':
                problem = check_own(path, header, ranks)
            else:
                problem = check_library(path, header)
            if problem:
                problems.append(f"{path} includes {header}: {problem}")
    return problems


def check_form(files):
    """Files without a licence line, or whose own header does not come first."""
    problems = []
    for path, text in sorted(files.items()):
        if LICENCE not in text:
            problems.append(f"{path} does not say {LICENCE}")
        first = INCLUDE.search(COMMENT.sub("", text))
        if path.endswith(".c") and folder_of(path) and first:
            if first[1] == "<" or folder_of(first[2]) != folder_of(path):
                problems.append(f"{path} includes {first[2]} before a header of its own folder")
    return problems


def self_check_form():
    licence = f"/* {LICENCE} */\n"
    rows = [
        ("a/a.c", licence + '#include "a/a.h"\n#include <stdio.h>\n', 0),
        ("a/a.h", licence + "#include <stdio.h>\n", 0),
        ("app.c", licence + '#include "app.h"\n', 0),
        ("a/a.h", "#include <stdio.h>\n", 1),
        ("a/a.c", licence + '#include <stdio.h>\n#include "a/a.h"\n', 1),
        ("a/a.c", licence + '#include "b/b.h"\n#include "a/a.h"\n', 1),
    ]
    wrong = [row for row in rows if len(check_form({row[0]: row[1]})) != row[2]]
    for row in wrong:
        print(f"self-check: {row}")
    return not wrong


def self_check():
    """False if a rule is not enforced, or something allowed is refused."""
    order = ["base", "text", "json", "crypto", "store", "http", "tools"]
    rows = [
        ("text/a.c", '#include "base/str.h"', None),
        ("text/a.c", '#include "text/text_int.h"', None),
        ("text/a.c", "#include <unistr.h>", None),
        ("text/a.c", "#include <unistd.h>", None),
        ("tools/a.c", '#include "store/store.h"', None),
        ("app.c", '#include "tools/tools.h"', None),
        ("app.c", '#include "app.h"', None),
        ("base/a.c", '/* #include "tools/tools.h" */', None),
        ("base/a.c", '#include "text/text.h"', "a layer above"),
        ("store/a.h", '#  include   "tools/tools.h"', "a layer above"),
        ("tools/a.c", '#include "store/auth_store.h"', None),
        ("tools/a.c", '#include "store/auth_store_int.h"', "inside store/"),
        ("tools/a.c", '#include "store/store_int.h"', "inside store/"),
        ("tools/a.c", '#include "store/rows.h"', "inside store/"),
        ("app.c", '#include "store/store_int.h"', "inside store/"),
        ("tools/a.c", '#include "app.h"', "only files of src/"),
        ("tools/a.c", '#include "stray/stray.h"', "not in src/meson.build"),
        ("stray/a.c", "", "not in src/meson.build"),
        ("json/a.c", "#include <unictype.h>", "only text/"),
        ("http/a.c", "#include <gnutls/crypto.h>", "only crypto/"),
        ("tools/a.c", "#include <sodium.h>", "only crypto/"),
        ("tools/a.c", "#include <jansson.h>", None),
        ("app.c", "#include <sqlite3.h>", "only store/"),
        ("tools/a.c", "#include <microhttpd.h>", "only http/"),
        ("http/a.c", "#include <curl/curl.h>", "only fetch/"),
    ]
    is_good = True
    for path, line, want in rows:
        problems = check(order, {path: f"/* a */\n{line}\nint x;\n"})
        found = len(problems) == 1 and want is not None and want in problems[0]
        if not found and (want is not None or problems):
            print(f"self-check: {path} with {line!r}: want {want!r}, got {problems}")
            is_good = False
    return is_good


def main():
    src = pathlib.Path(sys.argv[1])
    order = SUBDIR.findall((src / "meson.build").read_text())
    files = {
        path.relative_to(src).as_posix(): path.read_text()
        for path in src.rglob("*.[ch]")
    }
    if not self_check() or not self_check_form():
        return 1
    if len(order) < 5 or len(files) < 50:
        print(f"found only {len(order)} folders and {len(files)} files in {src}")
        return 1
    problems = check(order, files) + check_form(files)
    print("\n".join(problems) or f"{len(files)} files keep to the layers")
    return 1 if problems else 0


sys.exit(main())
