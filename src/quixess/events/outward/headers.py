"""Which headers a tenant may add to the events it gets.

A short list of what is allowed and not a long one of what is not: a header can carry a second request, claim to come
from a trusted proxy, or look like our signature.
"""

import re
from collections.abc import Mapping

_MOST, _LONGEST_VALUE = 10, 1024
# No underscore: CGI and its heirs read `X-Quixess_Event-Id` as `X-Quixess-Event-Id`.
_NAME = re.compile(r"authorization|x(?:-[a-z0-9]+)+", re.IGNORECASE)
_LONGEST_NAME = 64
_RESERVED = re.compile(r"x-(?:quixess|forwarded|real-ip|aws-ec2-metadata|google-metadata)(?:-.*)?", re.IGNORECASE)
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")


class ForbiddenHeader(ValueError):  # noqa: N818 - reads as the verdict it is; callers turn it into a 400
    """This header may not be added. `reason` names it and the fix, never its value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Read a tenant's own headers for its deliveries: at most 10, `Authorization` or `X-…`.

    Values have 1-1024 characters. Raises ForbiddenHeader. A value may be a secret: seal it, and show it to nobody.
    """
    if len(headers) > _MOST:
        raise ForbiddenHeader(f"Keep at most {_MOST} headers.")
    seen: set[str] = set()
    for name, value in headers.items():
        _check_name(name)
        if name.lower() in seen:
            raise ForbiddenHeader(f"Keep one header of the name {name}.")
        seen.add(name.lower())
        _check_value(name, value)
    return dict(headers)


def _check_name(name: str) -> None:
    shown = ascii(name[:_LONGEST_NAME])
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ForbiddenHeader(
            f"Header {shown}: use Authorization, or X- and words of letters and digits joined by hyphens."
        )
    if _RESERVED.fullmatch(name):
        raise ForbiddenHeader(f"Header {shown}: choose another name; this one is set by Quixess or by proxies.")


def _check_value(name: str, value: str) -> None:
    if len(value) > _LONGEST_VALUE or not _VALUE.fullmatch(value):
        raise ForbiddenHeader(
            f"Header {name}: write 1-{_LONGEST_VALUE} printable ASCII characters, no space at either end."
        )
