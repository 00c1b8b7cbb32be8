"""Texts for people: a key and facts in, a sentence in the reader's language out."""

from __future__ import annotations

from collections.abc import Mapping

from domain.shared.act import Language
from domain.shared.messages.en import TEXTS as EN
from domain.shared.messages.es import TEXTS as ES
from domain.shared.messages.zh import TEXTS as ZH

CATALOGUES: Mapping[Language, Mapping[str, str]] = {Language.ZH: ZH, Language.EN: EN, Language.ES: ES}


def say(language: Language, key: str, facts: Mapping[str, object]) -> str:
    return CATALOGUES[language][key].format_map(facts)
