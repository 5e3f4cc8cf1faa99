"""Samples: one request in five languages, with nothing but what comes with each language."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY = "qxs_YOUR_KEY"
TOKEN = "qxo_YOUR_TOKEN"  # noqa: S105 - stands where the reader's own goes
_FLAT = 72
LANGUAGES = ("curl", "Python", "Node.js", "PHP", "Go")


@dataclass(frozen=True, slots=True)
class Call:
    """A request to show. `body` is JSON or None; `upload` names the part of a file that is sent instead of a body.

    `file` says that the answer is a file, `idempotent` that a key of the caller's goes along, `operator` that an
    operator's token opens it instead of an API key.
    """

    method: str
    url: str
    body: Any = None
    upload: str | None = None
    file: bool = False
    idempotent: bool = False
    operator: bool = False

    @property
    def credential(self) -> tuple[str, str]:
        """Give the header that shows who calls, name and value."""
        return ("Authorization", f"Bearer {TOKEN}") if self.operator else ("X-API-Key", KEY)


def write(call: Call) -> dict[str, str]:
    """Write a call in each language, in the order of `LANGUAGES`."""
    writers = (_curl, _python, _node, _php, _go)
    return {language: writer(call) for language, writer in zip(LANGUAGES, writers, strict=True)}


def _curl(call: Call) -> str:
    lines = [f"curl -sS -X {call.method} '{call.url}'" if call.method != "GET" else f"curl -sS '{call.url}'"]
    if call.file:
        lines[0] = lines[0].replace("curl -sS", "curl -sS -OJ", 1)
    lines.append("-H '{}: {}'".format(*call.credential))
    if call.idempotent:
        lines.append('-H "Idempotency-Key: $(openssl rand -hex 16)"')
    if call.upload is not None:
        lines.append(f"-F '{call.upload}=@photo.jpg'")
    elif call.body is not None:
        text = pretty(call.body).replace("'", "'\\''")
        lines += ["-H 'Content-Type: application/json'", f"-d '{text}'"]
    return " \\\n  ".join(lines)


def _python(call: Call) -> str:
    imports = ["json", *(["pathlib"] if call.upload else []), "urllib.request", *(["uuid"] if call.idempotent else [])]
    headers = ['"{}": "{}"'.format(*call.credential)]
    if call.idempotent:
        headers.append('"Idempotency-Key": str(uuid.uuid4())')
    arguments = [f'"{call.url}"', f'method="{call.method}"']
    if call.upload is not None:
        headers.append('"Content-Type": "multipart/form-data; boundary=frontier"')
        arguments.append("data=body")
    elif call.body is not None:
        headers.append('"Content-Type": "application/json"')
        arguments.append(f"data=json.dumps({_literal(call.body, 1, _PYTHON)}).encode()")
    arguments.append("headers={" + ", ".join(headers) + "}")
    told = 'pathlib.Path("file").write_bytes(answer.read())' if call.file else "print(json.load(answer))"
    if call.file:
        imports = ["pathlib", "urllib.request"]
    lines = [f"import {', '.join(imports)}", ""]
    if call.upload is not None:
        lines += _python_parts(call.upload)
    joined = ",\n    ".join(arguments)
    lines += [f"request = urllib.request.Request(\n    {joined},\n)"]
    lines += ["with urllib.request.urlopen(request, timeout=20) as answer:", f"    {told}"]
    return "\n".join(lines)


def _python_parts(name: str) -> list[str]:
    head = f'--frontier\\r\\nContent-Disposition: form-data; name=\\"{name}\\"; filename=\\"photo.jpg\\"\\r\\n'
    return [
        f'head = "{head}Content-Type: image/jpeg\\r\\n\\r\\n"',
        'body = head.encode() + pathlib.Path("photo.jpg").read_bytes() + b"\\r\\n--frontier--\\r\\n"',
        "",
    ]


def _node(call: Call) -> str:
    headers = ['"{}": "{}"'.format(*call.credential)]
    if call.idempotent:
        headers.append('"Idempotency-Key": crypto.randomUUID()')
    lines, options = [], [f'method: "{call.method}"']
    if call.upload is not None:
        lines = [
            'const { openAsBlob } = require("node:fs");',
            "",
            "(async () => {",
            "const form = new FormData();",
            f'form.append("{call.upload}", await openAsBlob("photo.jpg", {{ type: "image/jpeg" }}), "photo.jpg");',
        ]
        options.append("body: form")
    elif call.body is not None:
        headers.append('"Content-Type": "application/json"')
        options.append(f"body: JSON.stringify({_in_node(call.body)})")
    options.append("headers: { " + ", ".join(headers) + " }")
    if not lines:
        lines = ['const { writeFile } = require("node:fs/promises");', "", "(async () => {"] if call.file else []
        lines = lines or ["(async () => {"]
    told = (
        'await writeFile("file", answer.body)'
        if call.file
        else "console.log(JSON.stringify(await answer.json(), null, 2))"
    )
    return "\n".join([*_laid_out(lines, call.url, options), f"  {told};", "})();"])


def _laid_out(lines: list[str], url: str, options: list[str]) -> list[str]:
    start = lines.index("(async () => {") + 1
    inside = [f"  {line}" for line in lines[start:]]
    joined = ",\n    ".join(options)
    fetched = [
        f'  const answer = await fetch("{url}", {{\n    {joined},\n  }});',
        "  if (!answer.ok) throw new Error(await answer.text());",
    ]
    return [*lines[:start], *inside, *fetched]


def _php(call: Call) -> str:
    headers = ["'{}: {}'".format(*call.credential)]
    options = ["CURLOPT_RETURNTRANSFER => true", f"CURLOPT_CUSTOMREQUEST => '{call.method}'"]
    if call.idempotent:
        headers.append("'Idempotency-Key: ' . bin2hex(random_bytes(16))")
    if call.upload is not None:
        options.append(f"CURLOPT_POSTFIELDS => ['{call.upload}' => new CURLFile('photo.jpg', 'image/jpeg')]")
    elif call.body is not None:
        headers.append("'Content-Type: application/json'")
        options.append(f"CURLOPT_POSTFIELDS => json_encode({_literal(call.body, 1, _PHP)})")
    options.append("CURLOPT_HTTPHEADER => [" + ", ".join(headers) + "]")
    told = "file_put_contents('file', $answer)" if call.file else "print_r(json_decode($answer, true))"
    joined = ",\n    ".join(options)
    return "\n".join(
        [
            "<?php",
            f"$curl = curl_init('{call.url}');",
            f"curl_setopt_array($curl, [\n    {joined},\n]);",
            "$answer = curl_exec($curl);",
            "if ($answer === false || curl_getinfo($curl, CURLINFO_RESPONSE_CODE) >= 400) {",
            "    throw new RuntimeException(curl_error($curl) ?: $answer);",
            "}",
            f"{told};",
        ]
    )


def _go(call: Call) -> str:
    imports, before, body = {"fmt", "io", "net/http"}, [], "nil"
    if call.upload is not None:
        imports |= {"bytes", "mime/multipart", "os"}
        before, body = _go_parts(call.upload), "&form"
    elif call.body is not None:
        imports.add("strings")
        before, body = [f"body := `{pretty(call.body)}`"], "strings.NewReader(body)"
    headers = ['request.Header.Set("{}", "{}")'.format(*call.credential)]
    if call.idempotent:
        imports.add("crypto/rand")
        before += ["key := make([]byte, 16)", "rand.Read(key)"]
        headers.append('request.Header.Set("Idempotency-Key", fmt.Sprintf("%x", key))')
    if call.upload is not None:
        headers.append('request.Header.Set("Content-Type", parts.FormDataContentType())')
    elif call.body is not None:
        headers.append('request.Header.Set("Content-Type", "application/json")')
    told = ["fmt.Println(answer.Status, string(text))"]
    if call.file:
        imports |= {"os"}
        told = [
            'if err := os.WriteFile("file", text, 0o600); err != nil {',
            "\tpanic(err)",
            "}",
            "fmt.Println(answer.Status)",
        ]
    lines = [*before, f'request, err := http.NewRequest("{call.method}", "{call.url}", {body})', *_PANIC, *headers]
    lines += ["answer, err := http.DefaultClient.Do(request)", *_PANIC, "defer answer.Body.Close()"]
    lines += ["text, err := io.ReadAll(answer.Body)", *_PANIC, *told]
    listed = "\n".join(f'\t"{name}"' for name in sorted(imports))
    return (
        f"package main\n\nimport (\n{listed}\n)\n\nfunc main() {{\n" + "\n".join(f"\t{line}" for line in lines) + "\n}"
    )


_PANIC = ("if err != nil {", "\tpanic(err)", "}")


def _go_parts(name: str) -> list[str]:
    return [
        'file, err := os.Open("photo.jpg")',
        *_PANIC,
        "defer file.Close()",
        "var form bytes.Buffer",
        "parts := multipart.NewWriter(&form)",
        f'part, _ := parts.CreateFormFile("{name}", "photo.jpg")',
        "io.Copy(part, file)",
        "parts.Close()",
    ]


def pretty(value: Any) -> str:
    """Write JSON for people: what is short stays on one line."""
    return _literal(value, 0, _JSON)


def _in_node(value: Any) -> str:
    return pretty(value).replace("\n", "\n    ")


@dataclass(frozen=True, slots=True)
class _Style:
    """How a language writes what JSON says."""

    left: str
    between: str
    right: str
    words: Mapping[Any, str]
    pad: str
    trailing: str = ","
    empty: str = "{}"


_JSON = _Style("{", ": ", "}", {None: "null", True: "true", False: "false"}, "  ", trailing="")
_PYTHON = _Style("{", ": ", "}", {None: "None", True: "True", False: "False"}, "    ")
_PHP = _Style("[", " => ", "]", _JSON.words, "    ", empty="new stdClass()")


def _literal(value: Any, depth: int, style: _Style) -> str:
    if value is None or isinstance(value, bool):
        return style.words[value]
    if isinstance(value, str):
        return _quoted(value, php=style is _PHP)
    if not isinstance(value, (dict, list)):
        return json.dumps(value)
    if value == {}:
        return style.empty
    left, right = (style.left, style.right) if isinstance(value, dict) else ("[", "]")
    items = (
        [f"{_literal(k, 0, style)}{style.between}{_literal(v, depth + 1, style)}" for k, v in value.items()]
        if isinstance(value, dict)
        else [_literal(one, depth + 1, style) for one in value]
    )
    flat = left + ", ".join(items) + right
    if len(flat) <= _FLAT and "\n" not in flat:
        return flat
    inner, outer = style.pad * (depth + 1), style.pad * depth
    return f"{left}\n{inner}" + f",\n{inner}".join(items) + f"{style.trailing}\n{outer}{right}"


def _quoted(text: str, *, php: bool) -> str:
    if not php:
        return json.dumps(text, ensure_ascii=False)
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
