"""Payload encryption, the counterpart of ``src/codec/encryption.ts``: AES-256-GCM, nonce, then ciphertext, then tag."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

KEYS_VARIABLE = "LONGHAUL_ENCRYPTION_KEYS"
ENCODING = b"binary/encrypted"
NONCE_BYTES = 12
KEY_BYTES = 32


class EncryptionCodec(PayloadCodec):
    """Encrypts with the first key, decrypts with any of them; what is not encrypted passes."""

    def __init__(self, ring: Mapping[str, bytes]) -> None:
        self._ciphers = {name: AESGCM(key) for name, key in ring.items()}
        self._active = next(iter(ring))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """
        Raises:
            ValueError: the key is not there, or the payload was changed.
        """
        return [self._decrypt(payload) if payload.metadata.get("encoding") == ENCODING else payload for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        name = self._active.encode()
        nonce = os.urandom(NONCE_BYTES)
        data = nonce + self._ciphers[self._active].encrypt(nonce, payload.SerializeToString(), name)
        return Payload(metadata={"encoding": ENCODING, "encryption-key-id": name}, data=data)

    def _decrypt(self, payload: Payload) -> Payload:
        name = payload.metadata["encryption-key-id"].decode()
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise ValueError(f'a payload was encrypted with the key "{name}", which {KEYS_VARIABLE} does not hold')
        try:
            plain = cipher.decrypt(payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:], name.encode())
        except InvalidTag as error:
            raise ValueError(f'a payload encrypted with the key "{name}" does not open') from error
        return Payload.FromString(plain)


def key_ring(text: str) -> dict[str, bytes]:
    """``name=base64,…`` as in ``src/codec/keys.ts``.

    Raises:
        ValueError: it is something else.
    """
    ring: dict[str, bytes] = {}
    for entry in text.split(","):
        name, found, encoded = entry.strip().partition("=")
        key = base64.b64decode(encoded) if found else b""
        if not name or len(key) != KEY_BYTES or name in ring:
            raise ValueError(f"{KEYS_VARIABLE}: expected NAME=BASE64[,NAME=BASE64…], each key {KEY_BYTES} bytes and each name once")
        ring[name] = key
    return ring


def data_converter(environment: Mapping[str, str]) -> DataConverter:
    """Encrypts if the environment holds keys."""
    keys = environment.get(KEYS_VARIABLE, "").strip()
    if not keys:
        return DataConverter.default
    # Messages of failures hold what people wrote, too.
    sealed = DefaultFailureConverterWithEncodedAttributes
    return replace(DataConverter.default, payload_codec=EncryptionCodec(key_ring(keys)), failure_converter_class=sealed)
