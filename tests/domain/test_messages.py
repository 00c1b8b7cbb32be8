from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from domain.shared.act import Language
from domain.shared.errors import DomainError, ErrorCode, TooLong
from domain.shared.messages import CATALOGUES, say
from domain.tickets.reactions import TEMPLATES
from domain.tickets.waiting import Answer, QueueState

ROOT = Path(__file__).resolve().parents[2]
KEYS = set(CATALOGUES[Language.EN])
# What is said without a refusal behind it.
MAIL_TEMPLATES = {"CODE", *TEMPLATES.values()}
MAIL_FACTS = {"CODE": {"code"}} | {template: {"number", "link"} for template in TEMPLATES.values()}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def code_files() -> Iterator[Path]:
    for folder in ("api", "resolvers", "domain"):
        yield from (path for path in (ROOT / folder).rglob("*.py") if path.parent.name != "messages")


def calls() -> Iterator[ast.Call]:
    for path in code_files():
        yield from (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))


def constants() -> set[str]:
    """Every text and every name in the code: a key that is not among them is said by nobody."""
    found: set[str] = set()
    for path in code_files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def refusals() -> dict[str, type[DomainError]]:
    """Every class of refusal by its name; the contexts' errors are imported with what raises them."""
    import resolvers.tickets.mutations  # noqa: F401 - brings every class of refusal

    waiting, found = [DomainError], {}
    while waiting:
        cls = waiting.pop()
        found[cls.__name__] = cls
        waiting += cls.__subclasses__()
    return found


def test_the_three_catalogues_have_the_same_keys() -> None:
    assert {language: set(texts) for language, texts in CATALOGUES.items()} == dict.fromkeys(Language, KEYS)


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_text_has_the_same_places_to_fill_in_every_language(key: str) -> None:
    texts = {language: texts[key] for language, texts in CATALOGUES.items()}
    assert all(text.strip() == text and text for text in texts.values())
    wanted = placeholders(texts[Language.EN])
    assert {language: placeholders(text) for language, text in texts.items()} == dict.fromkeys(texts, wanted)


def test_every_error_code_has_a_text() -> None:
    assert {code.value for code in ErrorCode} <= KEYS


def test_every_template_of_a_message_has_a_subject_and_a_text_that_its_facts_fill() -> None:
    for template in MAIL_TEMPLATES:
        for part in ("SUBJECT", "TEXT"):
            text = CATALOGUES[Language.EN][f"{template}_{part}"]
            assert placeholders(text) <= MAIL_FACTS[template], template


def test_every_rule_that_is_named_has_a_text_that_its_facts_fill() -> None:
    named = 0
    for call in calls():
        facts = {keyword.arg for keyword in call.keywords if keyword.arg}
        rule = next((k.value for k in call.keywords if k.arg == "rule"), None)
        if not isinstance(rule, ast.Constant) or not isinstance(rule.value, str):
            continue
        named += 1
        assert rule.value in KEYS, rule.value
        assert placeholders(CATALOGUES[Language.EN][rule.value]) <= facts, ast.unparse(call)
    assert named >= 10


def test_every_refusal_that_is_raised_brings_the_facts_of_its_text() -> None:
    classes, seen = refusals(), set()
    for call in calls():
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        facts = {keyword.arg for keyword in call.keywords if keyword.arg}
        if name not in classes or "rule" in facts:
            continue
        seen.add(name)
        code = classes[name].code
        assert placeholders(CATALOGUES[Language.EN][code]) <= facts, ast.unparse(call)
    assert len(seen) >= 8


def test_no_text_is_left_over() -> None:
    said = constants()
    mails = {f"{template}_{part}" for template in MAIL_TEMPLATES for part in ("SUBJECT", "TEXT")}
    assert KEYS - said - mails == set()


@pytest.mark.parametrize("language", Language)
def test_a_text_is_filled_with_its_facts(language: Language) -> None:
    assert "5000" in say(language, TooLong(["text"], most=5000).message_key, {"most": 5000})


def test_the_place_in_line_is_told_in_the_words_that_were_agreed() -> None:
    waiting = Answer(state=QueueState.WAITING, position=2, wait_p50_seconds=290, agent_name="小王")
    assert waiting.message(Language.ZH) == "当前排第 2 位，约 5 分钟内客服小王将为您服务"
    for language in Language:
        assert {"2", "5"} <= set(waiting.message(language)) and "小王" in waiting.message(language)
