"""Names of files, made harmless: they come from strangers and end up in headers, on disks and on screens."""

import unicodedata

_LONGEST_ENDING = 10


def harmless(filename: str, *, longest: int) -> str:
    """Take out paths, control and direction marks, and outer dots and spaces; keep the ending when it is too long.

    Returns at most `longest` characters; none where nothing is left.
    """
    whole = unicodedata.normalize("NFC", filename.replace("\\", "/").rpartition("/")[2])
    name = "".join(letter for letter in whole if unicodedata.category(letter)[0] != "C").strip(" .")
    stem, dot, ending = name.rpartition(".")
    if len(name) > longest and dot and len(ending) <= _LONGEST_ENDING:
        return f"{stem[: longest - len(ending) - 1]}.{ending}"
    return name[:longest]
