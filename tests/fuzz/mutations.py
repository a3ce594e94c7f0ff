"""Other bytes out of given ones: what hypothesis draws, so that a crash is made as small as it can be."""

from __future__ import annotations

import io
import warnings
import zipfile
from typing import Any

from hypothesis import strategies as st

TOKENS = (
    *(
        b"",
        b"\0",
        b"\xff" * 4,
        b"\xff" * 8,
        b"\x7f\xff\xff\xff",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\x80\x02",
        b".",
        b"}",
        b"]",
        b")R",
    ),
    *(
        b"cos\nsystem\n",
        b"cbuiltins\neval\n",
        b"ctorch.storage\n_load_from_bytes\n",
        b"-1",
        b"1e999",
        b"NaN",
        b"null",
        b"\xed\xa0\x80",
    ),
    *(
        b"{" * 60,
        b"[" * 60,
        b"(" * 60,
        b"'",
        b'"',
        b"`",
        b"\n",
        b"\t",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!python/name:os.system ",
        b"~",
        b"9" * 50,
    ),
    *(
        b"torch.ops",
        b"__import__",
        b"getattr(",
        b"../../",
        b"/etc/passwd",
        b"s0 + (",
        b"lambda: 0",
        b"as_none",
        b"as_int",
        b"as_tensor",
    ),
)
"""What a parser may trip over."""


@st.composite
def mutated(draw: st.DrawFn, original: bytes, most: int = 5) -> bytes:
    """The bytes with some of them replaced, left out, repeated, moved, or with a token put in."""
    content = bytearray(original)
    for _ in range(draw(st.integers(1, most))):
        start = draw(st.integers(0, max(len(content) - 1, 0)))
        length = draw(st.integers(0, 40))
        kind = draw(st.sampled_from(["byte", "cut", "token", "repeat", "move", "number"]))
        if kind == "byte" and content:
            content[start] = draw(st.integers(0, 255))
        elif kind == "cut":
            del content[start : start + length]
        elif kind == "token":
            content[start : start + draw(st.sampled_from([0, 0, length]))] = draw(st.sampled_from(TOKENS))
        elif kind == "repeat":
            content[start:start] = content[start : start + length] * draw(st.integers(1, 50))
        elif kind == "move":
            other = draw(st.integers(0, len(content)))
            content[other:other] = content[start : start + length]
        elif kind == "number":
            content[start : start + 4] = draw(st.integers(0, 2**32 - 1)).to_bytes(4, "little")
    return bytes(content)


@st.composite
def mutated_archive(draw: st.DrawFn, original: bytes) -> bytes:
    """An archive that is right, with the content of an entry otherwise, so that its reader is reached."""
    with zipfile.ZipFile(io.BytesIO(original)) as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    small = [place for place, (_, content) in enumerate(entries) if content and len(content) < 1 << 16]
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from(small))
        entries[place] = (entries[place][0], draw(mutated(entries[place][1])))
    if draw(st.integers(0, 5)) == 0:
        entries.append(
            (draw(st.sampled_from(["m/data.pkl", "m/extra/a", "m/../a", "m/code/a.py", "x"])), b"\x80\x02}.")
        )
    made = io.BytesIO()
    method = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, content in entries:
            archive.writestr(name, content)
    return made.getvalue()


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["F32", "I64", "int64", "float32", "x", "I1", "*", "a.b", "1h", "-1", "prod", "\x1b[2J", "`", "'"]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
