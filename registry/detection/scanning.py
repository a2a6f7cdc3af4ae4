"""One scan of a version's files in the store. Needs no database, so that it can run outside of any transaction."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from registry.catalog import legal_files
from registry.detection import claims, families, gguf, safetensors, scancode, texts
from registry.detection.front_matter import FrontMatterError, read_card
from registry.detection.observations import LicenseSeen, Malformed, Observations, Source
from registry.detection.reading import Budget, Limits, OutOfBounds, json_object
from registry.storage.artifacts import ArtifactStore
from registry.storage.tables import File

CARDS = frozenset({"README.md", "readme.md"})
_CONFIGS = frozenset({"config.json", "generation_config.json"})
_TOKENIZERS = frozenset({"tokenizer_config.json", "special_tokens_map.json", "tokenizer.json", "chat_template.json"})
_TEMPLATE = "chat_template.jinja"
_FIRST_GGUF_BYTES = 1 << 20
# In percent. Below it is another text, if only by the number in a clause: it is shown, and identifies nothing.
EXACT = 100.0
NOT_INSTALLED = "texts beyond the known digests: the extra is not installed, pip install 'spiritsafe[detect]'"


def scan(
    store: ArtifactStore,
    files: Sequence[File],
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Observations:
    """What the files say. Takes no longer than the limits' seconds, and the detector's where a text needs it.

    Files whose content is not in the store are told among what was not looked at.
    """
    return _Scan(store, limits or Limits(), clock).run(files)


class _Scan:
    def __init__(self, store: ArtifactStore, limits: Limits, clock: Callable[[], float]) -> None:
        self._store = store
        self._limits = limits
        self._budget = Budget(store, limits, clock)
        self._found = Observations()
        self._unknown: dict[str, str] = {}
        self._traits = families.Traits()

    def run(self, files: Sequence[File]) -> Observations:
        here = self._store.sizes(file.sha256 for file in files)
        present = [file for file in files if file.sha256 in here]
        self._found.files = len(present)
        if len(present) < len(files):
            self._leave_out(f"{len(files) - len(present)} files whose content is not in the store")
        try:
            self._read_all(present)
        except OutOfBounds as error:
            self._leave_out(f"the remaining files: {error}")
        self._found.add(families.recognise(self._traits))
        self._found.add(self._detected())
        return self._found

    def _read_all(self, files: Sequence[File]) -> None:
        """What says most comes first, in case the bounds are reached."""
        for file in self._first(files, legal_files.kind_of, self._limits.texts):
            self._text(file)
        for file in files:
            if file.path in CARDS:
                self._card(file)
        for file in files:
            if file.path in _CONFIGS | _TOKENIZERS or file.path == _TEMPLATE:
                self._trait_file(file)
        for file in self._first(files, _weights, self._limits.weight_files):
            self._weights(file)

    def _first(self, files: Sequence[File], wanted: Callable[[str], str], count: int) -> Sequence[File]:
        named = [file for file in files if wanted(file.path)]
        if len(named) > count:
            self._leave_out(f"{len(named) - count} files from {named[count].path} on: {count} of their kind are read")
        return named[:count]

    def _text(self, file: File) -> None:
        text = self._decoded(file)
        if text is None:
            return
        seen = texts.identify(file.path, text)
        if seen is not None:
            self._found.add([seen])
        elif legal_files.kind_of(file.path) == legal_files.LICENSE:
            self._unknown[file.path] = text

    def _card(self, file: File) -> None:
        text = self._decoded(file)
        if text is None:
            return
        try:
            self._found.add(claims.of_card(file.path, read_card(text)))
        except FrontMatterError as error:
            self._found.add([Malformed(file.path, str(error))])

    def _trait_file(self, file: File) -> None:
        if file.size_bytes > self._limits.json_bytes:
            self._leave_out(
                f"{file.path}: {file.size_bytes} bytes, more than the {self._limits.json_bytes} of its kind"
            )
            return
        data = self._budget.read(file.sha256, 0, file.size_bytes)
        self._traits.files.append(file.path)
        if file.path == _TEMPLATE:
            families.read_template(self._traits, data.decode("utf-8", "replace"))
            return
        try:
            read = families.read_config if file.path in _CONFIGS else families.read_tokenizer
            read(self._traits, json_object(data))
        except ValueError as error:
            self._found.add([Malformed(file.path, str(error))])

    def _weights(self, file: File) -> None:
        try:
            if _suffix(file.path) == ".gguf":
                self._gguf(file)
            else:
                self._safetensors(file)
        except (safetensors.HeaderError, gguf.MetadataError) as error:
            self._found.add([Malformed(file.path, str(error))])

    def _safetensors(self, file: File) -> None:
        start = self._budget.read(file.sha256, 0, safetensors.LENGTH_BYTES)
        length = safetensors.header_length(start, file.size_bytes)
        header = self._budget.read(file.sha256, safetensors.LENGTH_BYTES, length)
        self._add_claims(claims.of_safetensors(file.path, safetensors.metadata(header)))

    def _gguf(self, file: File) -> None:
        metadata = self._gguf_metadata(file)
        if metadata is None:
            return
        self._add_claims(claims.of_gguf(file.path, metadata))
        self._found.add(families.recognise(families.traits_of_gguf(file.path, metadata)))

    def _gguf_metadata(self, file: File) -> dict[str, Any] | None:
        """Reads more and more of the file until its metadata is whole; None where the bounds come first."""
        size = _FIRST_GGUF_BYTES
        while True:
            data = self._budget.read(file.sha256, 0, min(size, self._limits.gguf_bytes))
            try:
                return gguf.metadata(data)
            except gguf.Truncated:
                if len(data) >= file.size_bytes:
                    raise
                if size >= self._limits.gguf_bytes:
                    self._leave_out(f"{file.path}: its metadata is longer than {self._limits.gguf_bytes} bytes")
                    return None
                size *= 4

    def _add_claims(self, seen: Iterable[Any]) -> None:
        """Every shard of a model repeats the same statement; the first one suffices."""
        known = {(one.source, one.says) for one in self._found.licenses}
        self._found.add(one for one in seen if not isinstance(one, LicenseSeen) or (one.source, one.says) not in known)

    def _decoded(self, file: File) -> str | None:
        if file.size_bytes > self._limits.text_bytes:
            self._leave_out(f"{file.path}: {file.size_bytes} bytes, more than the {self._limits.text_bytes} of a text")
            return None
        data = self._budget.read(file.sha256, 0, file.size_bytes)
        if b"\0" in data:
            self._found.add([Malformed(file.path, "is not text: it holds zero bytes")])
            return None
        return data.decode("utf-8", "replace")

    def _detected(self) -> Iterator[LicenseSeen]:
        """What the detector makes of the texts that are not known; those without an answer stay unidentified."""
        matches: dict[str, list[scancode.Match]] = {}
        if self._unknown and not scancode.is_installed():
            self._leave_out(NOT_INSTALLED)
        elif self._unknown:
            try:
                matches = scancode.detect(self._unknown)
            except scancode.DetectorError as error:
                self._leave_out(f"texts beyond the known digests: {scancode.DISTRIBUTION}: {error}")
        for path, text in self._unknown.items():
            yield from _read_matches(path, text, matches.get(path, []))

    def _leave_out(self, sentence: str) -> None:
        self._found.not_looked_at.append(sentence)


def _read_matches(path: str, text: str, matches: Sequence[scancode.Match]) -> Iterator[LicenseSeen]:
    whole = [one for one in matches if one.is_text and one.score == EXACT and one.coverage == EXACT]
    for key, spdx in dict.fromkeys((one.key, one.spdx) for one in whole):
        yield LicenseSeen(path, Source.TEXT, texts.profiles_of(key, spdx), key, _detector(), "the whole text matches")
    if whole:
        return
    near = dict.fromkeys(
        f"{one.key} (score {one.score:g}, coverage {one.coverage:g})" for one in matches if one.is_text
    )
    says = f"text with SHA-256 {hashlib.sha256(text.encode()).hexdigest()}"
    if near:
        says += f"; nearest known: {', '.join(near)}"
    yield LicenseSeen(path, Source.TEXT, (), says, _detector(), "not identified")


def _detector() -> str:
    if scancode.is_installed():
        return f"{texts.DIGEST_DETECTOR}, {scancode.DISTRIBUTION} {scancode.version()}"
    return texts.DIGEST_DETECTOR


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _weights(path: str) -> str:
    return _suffix(path) if _suffix(path) in (".safetensors", ".gguf") else ""
