"""The page, in a real Chromium."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import ROOT
from tests.e2e.stack import Stack, running, triton_of

SCREENSHOTS = ROOT / "build" / "screenshots"
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run", "--no-proxy-server"),
]
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs a Chromium: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def opened(browser: Browser, stack: Stack, **context: Any) -> Page:
    """The page in a window of its own; whatever its console says ends the test."""
    page = browser.new_context(**context).new_page()
    page.set_default_timeout(PATIENCE_MS)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("close", lambda _: pytest.fail(said[0]) if said else None)
    page.goto(stack.url)
    expect(page.locator("#model")).to_contain_text("electra_qa_")
    return page


def answered(page: Page) -> str:
    expect(page.locator("#result")).to_be_visible(timeout=PATIENCE_MS)
    return page.locator("#answer").inner_text()


def tab_to(page: Page, selector: str) -> None:
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


def test_with_the_keyboard_alone(browser: Browser, stack: Stack) -> None:
    page = opened(browser, stack)
    tab_to(page, "#examples button:nth-child(2)")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "question"
    page.keyboard.press("Control+Enter")
    assert "two and a quarter hours" in answered(page)
    assert page.locator("mark").inner_text() == page.locator("#answer").inner_text()
    assert page.locator("#answers button").count() == 5
    tab_to(page, "#answers li:nth-child(2) button")
    page.keyboard.press("Enter")
    second = page.locator("#answers button").nth(1)
    assert second.get_attribute("aria-pressed") == "true"
    assert page.locator("mark").inner_text() in second.inner_text()
    assert page.locator("#timings dt").all_inner_texts() == [
        *("tokenize", "queue", "infer", "decode", "total")
    ]
    page.close()


@pytest.mark.parametrize("example", range(5))
def test_every_example_is_answered_and_marked(browser: Browser, stack: Stack, example: int) -> None:
    page = opened(browser, stack)
    page.locator("#examples button").nth(example).click()
    page.locator("#ask").click()
    answer = answered(page)
    context = page.locator("#context").input_value()
    assert page.locator("#marked").inner_text().strip() == context.strip()
    if page.locator("#impossible").is_checked():
        assert answer == "no answer" or answer in context
    else:
        assert page.locator("mark").inner_text() == answer
        assert page.locator("mark").is_visible()
    page.close()


def test_offsets_beyond_the_basic_plane(browser: Browser, stack: Stack) -> None:
    """An emoji is one code point, but two of JavaScript's units."""
    page = opened(browser, stack)
    page.locator("#question").fill("Where does Ann live?")
    page.locator("#context").fill("\U0001f680\U0001f680\U0001f680 Ann lives in Oslo.")
    page.keyboard.press("Control+Enter")
    assert "Oslo" in answered(page)
    assert page.locator("mark").inner_text() == page.locator("#answer").inner_text()
    page.close()


def test_errors_are_shown_as_the_api_gives_them(browser: Browser, stack: Stack) -> None:
    page = browser.new_page()  # not opened(): the console names every reply that is an error
    page.goto(stack.url)
    page.locator("#context").fill(" ")
    page.locator("#ask").click()
    expect(page.locator("#error")).to_have_text(
        "422 invalid_request: context: must hold more than white space"
    )
    expect(page.locator("#result")).to_be_hidden()
    page.locator("#context").fill("<b>Ann</b> lives in <i>Oslo</i>.")
    page.locator("#ask").click()
    answered(page)
    expect(page.locator("#error")).to_be_hidden()
    assert page.locator("#marked").inner_text() == "<b>Ann</b> lives in <i>Oslo</i>."
    page.close()


def test_a_key_is_asked_for(
    browser: Browser, repository: Path, stack: Stack, tmp_path: Path
) -> None:
    settings = {"ELECTRA_QA_API_KEYS": "secret", **triton_of(stack)}
    with running(repository, tmp_path, **settings) as guarded:
        page = browser.new_page()
        page.goto(guarded.url)
        expect(page.locator("#key")).to_be_hidden()
        page.locator("#ask").click()
        expect(page.locator("#error")).to_contain_text("401 unauthorized")
        expect(page.locator("#key")).to_be_focused()
        page.keyboard.type("secret")
        page.keyboard.press("Enter")
        assert answered(page) == "William the Conqueror"
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1100, 900), (360, 740)])
def test_it_fits_and_can_be_read(
    browser: Browser, stack: Stack, scheme: str, width: int, height: int
) -> None:
    viewport = {"width": width, "height": height}
    page = opened(browser, stack, viewport=viewport, color_scheme=scheme)
    page.locator("#ask").click()
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in ("body", "mark", "#ask", "#answers button"):
        assert contrast(page, selector) >= 4.5, selector  # WCAG 2, level AA
    light = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.5
    assert light == (scheme == "light")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"page-{width}-{scheme}.png", full_page=True)
    page.close()


def contrast(page: Page, selector: str) -> float:
    """The contrast of an element's text on its own background, by WCAG 2."""
    colours = page.evaluate(
        "selector => { const style = getComputedStyle(document.querySelector(selector));"
        " return [style.color, style.backgroundColor]; }",
        selector,
    )
    lighter, darker = sorted(map(luminance, colours), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of a colour ``rgb(r, g, b)``, by WCAG 2."""
    channels = [int(each) / 255 for each in colour[4:-1].split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
