"""What no template may hold: everything that the Content-Security-Policy would stop, or that shuts somebody out."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from quixess import dashboard

FOLDER = Path(dashboard.__file__).parent
TEMPLATES = sorted(path.relative_to(FOLDER).as_posix() for path in (FOLDER / "templates").rglob("*.html"))
COMMENT = re.compile(r"{#.*?#}|{%.*?%}", re.DOTALL)  # neither is sent
FORBIDDEN = {
    "a style in an attribute": r"\sstyle\s*=",
    "a script in an attribute": r"\son[a-z]+\s*=",
    "hx-on, which compiles text": r"hx-on[:\-]",
    "js:, which compiles text": r"""["']js:""",
    "a filter in hx-trigger, which compiles text": r"""hx-trigger\s*=\s*["'][^"']*\[""",
    "an inline script": r"<script(?![^>]*\ssrc=)",
    "an inline stylesheet": r"<style\b",
    "text that is not escaped": r"\|\s*safe\b",
    "something from another host": r"""(?:src|action|hx-get|hx-post)\s*=\s*["'](?:https?:)?//""",
    "a link to a stranger that knows us": r"""<a(?![^>]*\brel="noopener)[^>]*\shref\s*=\s*["'](?:https?:)?//""",
    "a head of a column that does not say that it is one": r"<th(?![^>]*\sscope=)[\s>]",
    "a new window that knows ours": r"""<a(?![^>]*\brel="noopener)[^>]*\starget\s*=\s*["']_blank""",
    "a picture without a text": r"<img(?![^>]*\salt=)",
}
FORM = re.compile(r"<form\b[^>]*>")
BUTTON = re.compile(r"<(button|a)\b((?:[^<>]|{[{%].*?[%}]})*)>(.*?)</\1>", re.DOTALL)


def faults(text: str) -> Iterator[str]:
    """List what is wrong with a template."""
    if re.search(r"{%-?\s*autoescape", text):
        yield "a part that chooses by itself whether it is escaped"
    text = COMMENT.sub("", text)
    for what, pattern in FORBIDDEN.items():
        yield from (f"{what}: {found[0]}" for found in re.finditer(pattern, text))
    for form in FORM.findall(text):
        if "hx-post" in form and not ('method="post"' in form and "action=" in form):
            yield f"a form that is nothing without a script: {form}"
    for _, attributes, inside in BUTTON.findall(text):
        words = re.sub(r'<img[^>]*\salt="([^"]+)"[^>]*>', r"\1", inside)
        words = re.sub(r"<svg.*?</svg>|{{\s*icon\(.*?\)\s*}}|<[^>]*>|{%.*?%}", "", words, flags=re.DOTALL)
        if not words.strip() and "aria-label" not in attributes:
            yield f"a button without a name: {attributes} {inside}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_holds_nothing_that_is_forbidden(name):
    assert list(faults((FOLDER / name).read_text())) == []


def test_there_are_templates():
    assert "templates/base.html" in TEMPLATES


@pytest.mark.parametrize(
    "text",
    [
        '<p style="color: red">x</p>',
        '<button onclick="f()">x</button>',
        '<div hx-on:click="f()">x</div>',
        "<div hx-vals='js:{a: f()}'>x</div>",
        '<div hx-trigger="click[ctrlKey]">x</div>',
        "<script>f()</script>",
        "<style>p {}</style>",
        "{{ text | safe }}",
        "{% autoescape false %}x{% endautoescape %}",
        '<img src="https://elsewhere.example/x.png" alt="">',
        "<th>Name</th>",
        '<a href="/x" target="_blank">x</a>',
        '<a href="https://elsewhere.example/">x</a>',
        '<img src="/x.png">',
        '<form hx-post="/x">x</form>',
        '<button class="ghost">{{ icon("x") }}</button>',
    ],
)
def test_the_rule_notices(text):
    assert len(list(faults(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<script src="/static/app.js" type="module"></script>',
        '<a href="https://elsewhere.example/" target="_blank" rel="noopener nofollow">x</a>',
        '<a href="/x"><img src="/x.png" alt="Photo"></a>',
        '<button aria-label="Close">{{ icon("x") }}</button>',
        '<button>{{ icon("x") }}<span>Close</span></button>',
        '<th scope="col">Name</th>',
        '<form method="post" action="/x" hx-post="/x">x</form>',
        "{# style= #}",
        "{% set one = 1 %}",
    ],
)
def test_the_rule_lets_pass(text):
    assert list(faults(text)) == []
