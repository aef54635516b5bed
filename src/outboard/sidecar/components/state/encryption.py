"""Encryption at rest: a state store whose values are AES-GCM ciphertext, interchangeable with daprd's.

A stored value is base64 of nonce and ciphertext, `||`, and the name of the secret that holds its key.
Source: Dapr, "How-To: Encrypt application state"; daprd 1.18.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from outboard.gojson.gotext import printed
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import (
    ComponentError,
    Delete,
    Found,
    KeyListing,
    Set,
    StateStore,
    Transactional,
)

__all__ = ["EncryptedState", "Key", "encryption_keys"]

PRIMARY: Final = "primaryEncryptionKey"
SECONDARY: Final = "secondaryEncryptionKey"
SEPARATOR: Final = b"||"
NONCE_BYTES: Final = 12
NO_QUERY: Final = "cannot query encrypted store"


class _Cipher(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: None) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: None) -> bytes: ...


class _Sealed(bytes):
    """What was encrypted here already."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: `name` is its secret's; what encrypts with it is `cipher`."""

    name: str
    cipher: _Cipher = field(repr=False)


class EncryptedState:
    """Encrypts what goes into `store` with the first of `keys`; what comes out may be of any of them."""

    def __init__(
        self, store: StateStore, keys: Sequence[Key], random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self.traits = store.traits
        if store.traits.query_refusal:
            self.traits = replace(store.traits, query_refusal=NO_QUERY)
        self._store = store
        self._keys = keys
        self._random = random

    async def get(self, keys: Sequence[str]) -> Mapping[str, Found]:
        """A value that is not encrypted, or not with a key that is known, has a `problem`."""
        found = await self._store.get(keys)
        return {key: self._readable(value) for key, value in found.items()}

    async def set(self, operation: Set) -> None:
        await self._store.set(self.sealed(operation))

    async def delete(self, operation: Delete) -> None:
        await self._store.delete(operation)

    async def transact(self, operations: Sequence[Set | Delete]) -> None:
        """For a store that is Transactional; of any other the features say that it is not."""
        if not isinstance(self._store, Transactional):
            raise ComponentError("the store has no transactions")
        await self._store.transact(
            [self.sealed(each) if isinstance(each, Set) else each for each in operations]
        )

    async def keys(self, prefix: str, limit: int) -> Sequence[str]:
        """As `KeyListing`: keys are not encrypted."""
        if not isinstance(self._store, KeyListing):
            raise ComponentError("the store cannot list its keys")
        return await self._store.keys(prefix, limit)

    async def close(self) -> None:
        await self._store.close()

    def sealed(self, operation: Set) -> Set:
        """`operation` with its value encrypted, unless it is."""
        value, key = operation.value, self._keys[0]
        if isinstance(value, _Sealed):
            return operation
        text = value if isinstance(value, bytes) else printed(value).encode("utf-8", "replace")
        nonce = self._random(NONCE_BYTES)
        sealed = base64.b64encode(nonce + key.cipher.encrypt(nonce, text, None))
        return replace(operation, value=_Sealed(sealed + SEPARATOR + key.name.encode()))

    def _readable(self, found: Found) -> Found:
        try:
            return replace(found, data=self._opened(found.data))
        except ComponentError as error:
            return replace(found, data=b"", problem=str(error))

    def _opened(self, data: bytes) -> bytes:
        if not data:
            return b""
        sealed, separator, name = data.rpartition(SEPARATOR)
        key = next((key for key in self._keys if separator and key.name.encode() == name), None)
        if key is None:
            raise ComponentError("the value is not encrypted with a key of this store")
        return _decrypted(key, sealed)


def _decrypted(key: Key, sealed: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        raw = base64.b64decode(sealed, validate=True)
        return key.cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None)
    except (binascii.Error, ValueError, InvalidTag) as error:
        problem = f"the value cannot be decrypted with key '{key.name}': was the key of that name replaced?"
        raise ComponentError(problem) from error


def encryption_keys(properties: Properties) -> list[Key]:
    """The keys that a state store's metadata names, none where it asks for no encryption.

    Raises ComponentInitFailed for a key that is none, and where the library that encrypts is missing.
    """
    if not properties.string(PRIMARY):
        return []
    names = [PRIMARY, SECONDARY] if properties.string(SECONDARY) else [PRIMARY]
    return [_key(properties, name) for name in names]


def _key(properties: Properties, name: str) -> Key:
    refs = {item.name.lower(): item.secret for item in properties.component.metadata}
    ref = refs[name.lower()]
    if ref is None:
        advice = "Put the key into a secret store and name it with `secretKeyRef:`."
        raise properties.failure(f"`{name}` must come from a secret", advice, name)
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        reason = f"`{name}` asks for encryption at rest, which needs a library that is not installed"
        raise properties.failure(reason, "Run: pip install 'outboard[encryption]'.", name) from error
    try:
        cipher = AESGCM(bytes.fromhex(properties[name]))
    except ValueError:
        # Without the error: it may quote the key.
        advice = "Make one with: openssl rand -hex 32."
        reason = f"`{name}` must be 16, 24 or 32 bytes, written in hexadecimal"
        raise properties.failure(reason, advice, name) from None
    return Key(ref.name, cipher)
