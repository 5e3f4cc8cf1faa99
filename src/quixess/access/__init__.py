"""Who may do what: brands, scopes and API keys with their constraints.

The top of this folder is what others use. Inside: `brands`, `keys` (what an operator does with keys), `secrets` (what
a key looks like and how it is hashed), `constraints`, `callers` (who a presented key speaks for), `uses`, `operators`
(tokens for the management API).
"""

from quixess.access.brands import AccessError, Brand, create_brand, find_brand, list_brands, rename_brand, suspend_brand
from quixess.access.callers import NO_KEY, Caller, Introduction, Keys, of_person
from quixess.access.constraints import (
    Address,
    Constraints,
    check_address,
    check_destination,
    check_template,
    constrain,
)
from quixess.access.keys import (
    Key,
    Scope,
    check_scopes,
    extend_scopes,
    get_key,
    list_keys,
    mint_key,
    revoke_key,
    rotate_key,
)
from quixess.access.operators import (
    Operator,
    OperatorToken,
    find_operator,
    list_operator_tokens,
    mint_operator_token,
    revoke_operator_token,
)
from quixess.access.secrets import make_secret, well_formed

__all__ = [
    "NO_KEY",
    "AccessError",
    "Address",
    "Brand",
    "Caller",
    "Constraints",
    "Introduction",
    "Key",
    "Keys",
    "Operator",
    "OperatorToken",
    "Scope",
    "check_address",
    "check_destination",
    "check_scopes",
    "check_template",
    "constrain",
    "create_brand",
    "extend_scopes",
    "find_brand",
    "find_operator",
    "get_key",
    "list_brands",
    "list_keys",
    "list_operator_tokens",
    "make_secret",
    "mint_key",
    "mint_operator_token",
    "of_person",
    "rename_brand",
    "revoke_key",
    "revoke_operator_token",
    "rotate_key",
    "suspend_brand",
    "well_formed",
]
