#!/usr/bin/env python3
"""corpus.py - real sentences out of the documentation that is installed on this machine.

    corpus.py QUESTIONS N-QUESTIONS SENTENCES N-SENTENCES

Reads manual pages, /usr/share/doc, and what is written for people in Python and C sources, headers and
Perl documentation. A sentence has 6 to 28 words, begins with a capital, ends with a full stop, and is
mostly letters; two that differ only in case or digits count as one. They are put in the order of their
digests, so that neighbours in a text are strangers here and the same system gives the same files. The
first become questions, the next are what is searched. Prints where they came from.
"""
# SPDX-License-Identifier: Apache-2.0

import collections
import gzip
import hashlib
import html
import pathlib
import re
import sys

# What is read, by name of the source: folders, endings of file names, and how the prose is found.
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")
WORDS = range(6, 29)
CHARS_MAX = 200
FILE_BYTES_MAX = 1 << 20
SKIPPED_NAMES = ("changelog", "copyright", "NEWS", "ChangeLog")  # lists, not prose


def prose_of_roff(text):
    text = re.sub(r'\\f(\[\w*\]|\(..|.)|\\s[-+]?\d|\\[&/,|^]', "", text)
    text = text.replace("\\-", "-").replace("\\(aq", "'").replace("\\ ", " ").replace("\\e", "\\")
    text = re.sub(r"^[.'](?:B|I|BR|IR|RB|RI|Nm|Fl|Ar|Em) (.*)$", r"\1", text, flags=re.M)
    return re.sub(r"^[.'].*$", "\n", text, flags=re.M)


def prose_of_python(text):
    strings = re.findall(r'"""(.*?)"""', text, flags=re.S)
    comments = re.sub(r"^(?!\s*#).*$", "", text, flags=re.M)
    return "\n\n".join(strings + [re.sub(r"^\s*#+", "", comments, flags=re.M)])


def prose_of_c(text):
    blocks = [re.sub(r"^\s*\*+", "", b, flags=re.M) for b in re.findall(r"/\*+(.*?)\*/", text, re.S)]
    lines = re.sub(r"^(?!\s*//).*$", "", text, flags=re.M)
    return "\n\n".join(blocks + [re.sub(r"^\s*//+", "", lines, flags=re.M)])


def prose_of_pod(text):
    parts = re.findall(r"^=(?:head|item|over|pod|begin).*?(?=^=cut|\Z)", text, flags=re.M | re.S)
    return re.sub(r"^=\w+", "\n", re.sub(r"[A-Z]<+\s?([^<>]*?)\s?>+", r"\1", "\n\n".join(parts)), flags=re.M)


def prose_of_html(text):
    text = re.sub(r"<(script|style|pre)\b.*?</\1>", " ", text, flags=re.S | re.I)
    text = re.sub(r"</?(p|div|li|td|h\d|br|dd|dt)\b[^>]*>", "\n\n", text, flags=re.I)
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def prose_of_text(text):
    return text


SOURCES = (
    ("manual pages", "/usr/share/man/man[1-9]", "", prose_of_roff),
    ("HTML documentation", "/usr/share/doc", ".html", prose_of_html),
    ("text documentation", "/usr/share/doc", "", prose_of_text),
    ("CMake documentation", "/usr/share/cmake*/Help", ".rst", prose_of_text),
    ("Perl documentation", "/usr/share/perl", ".pod", prose_of_pod),
    ("Perl documentation", "/usr/share/perl", ".pm", prose_of_pod),
    ("Python sources", "/usr/lib/python3*", ".py", prose_of_python),
    ("C and C++ headers", "/usr/include", "", prose_of_c),
    ("C and C++ headers", "/usr/lib/llvm-*/include", ".h", prose_of_c),
    ("Go sources", "/usr/local/go/src", ".go", prose_of_c),
)


def files(pattern, ending):
    top, _, below = pattern.lstrip("/").partition("*")
    folders = [pathlib.Path(pattern)] if not below and "*" not in pattern and "[" not in pattern \
        else sorted(pathlib.Path("/").glob(pattern.lstrip("/")))
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = path.name.removesuffix(".gz")
            if name.endswith(ending) and not name.startswith(SKIPPED_NAMES) and path.is_file() \
                    and not path.is_symlink() and path.stat().st_size <= FILE_BYTES_MAX:
                yield path


def read(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    return "" if b"\0" in data else data.decode("utf-8", "ignore")


def sentences(prose):
    for paragraph in re.split(r"\n\s*\n", prose):
        for s in SENTENCE_END.split(" ".join(paragraph.split())):
            letters = sum(c.isalpha() or c == " " for c in s)
            if s[:1].isupper() and s[-1] in ".!?" and len(s) <= CHARS_MAX and len(s.split()) in WORDS \
                    and letters > 0.88 * len(s) and s.isascii():
                yield s


def collect():
    """Sentences and their sources, by a form that ignores case and digits."""
    found = {}
    for name, folder, ending, prose_of in SOURCES:
        for path in files(folder, ending):
            try:
                text = read(path)
            except (OSError, EOFError, ValueError):
                continue
            for s in sentences(prose_of(text)):
                found.setdefault(re.sub(r"\d+|\W+", " ", s.lower()), (s, name))
    return found.values()


def write(path, lines):
    pathlib.Path(path).write_text("".join(s + "\n" for s, _ in lines))


def main():
    questions, n_questions, texts, n_texts = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    found = sorted(collect(), key=lambda f: hashlib.blake2b(f[0].encode()).digest())
    asked, searched = found[:n_questions], found[n_questions:n_questions + n_texts]
    write(questions, asked)
    write(texts, searched)
    counts = collections.Counter(name for _, name in searched)
    print(f"{len(found)} distinct sentences, {len(asked)} asked, {len(searched)} searched: "
          + ", ".join(f"{name} {n}" for name, n in counts.most_common()))


if __name__ == "__main__":
    main()
