# SPDX-License-Identifier: Apache-2.0
"""Text as C, for the scripts here that make sources."""

LINE = 80  # bytes of a string literal on one line of C


def c_literals(text):
    """The UTF-8 bytes of text as C string literals, one a line."""
    line = ""
    for byte in text.encode("utf-8"):
        char = chr(byte)
        if char in '"\\':
            line += "\\" + char
        elif 0x20 <= byte < 0x7F:
            line += char
        else:
            line += f"\\{byte:03o}"
        if len(line) >= LINE:
            yield f'    "{line}"'
            line = ""
    yield f'    "{line}"'
