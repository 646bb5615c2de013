"""Around the conversation: history, keys, settings, and what the page says when it is alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.kit.engine import TinyModel
from tests.kit.program import Program, running

HELLO = "Hello from the tiny test model."
SOON = 10_000
PHONE = {"width": 320, "height": 640}


@pytest.fixture
def own(built_page: Path, tiny_model: TinyModel, tmp_path: Path) -> Iterator[Program]:
    """A program for one test alone, since what is chosen in it is kept."""
    with running(tmp_path, **embedded(tiny_model)) as program:
        yield program


def embedded(model: TinyModel) -> dict[str, str]:
    return {
        "AIDOCTOR_ENGINE": "llamacpp",
        "AIDOCTOR_GGUF": str(model.gguf),
        "AIDOCTOR_MMPROJ": str(model.mmproj),
        "AIDOCTOR_THREADS": "1",
    }


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    yield context.new_page()
    context.close()


def begin(page: Page, words: str) -> str:
    """A conversation that is answered; its address."""
    page.locator(".composer textarea").fill(words)
    page.locator(".composer textarea").press("Enter")
    expect(page.locator(".answer-text").last).to_have_text(HELLO, timeout=SOON)
    expect(page).to_have_url(re.compile("/c/"))
    return page.url


def entry(page: Page, title: str) -> Locator:
    return page.locator(".entry", has=page.get_by_text(title, exact=True))


def choose(page: Page, menu: Locator, item: str) -> None:
    menu.click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def about_this(page: Page) -> Locator:
    return page.get_by_role("button", name="More about this conversation")


def test_a_new_conversation_is_one_click_or_key_away(page: Page):
    """From a conversation, the link and Ctrl+Shift+O both lead to an empty page."""
    address = begin(page, "First of two")
    page.get_by_role("link", name="New conversation").click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.locator(".page-head h1")).to_have_text("AI Doctor")
    page.get_by_role("link", name="First of two").click()
    expect(page).to_have_url(address)
    expect(page.locator(".answer-text")).to_have_text(HELLO)
    expect(page.locator(".entry [aria-current=page]")).to_have_text("First of two")
    page.keyboard.press("Control+Shift+O")
    expect(page.locator(".welcome")).to_be_visible()


def test_a_title_is_changed_where_it_stands(page: Page):
    """In the header and in the history; Enter keeps it, Escape does not."""
    begin(page, "Untidy words")
    choose(page, about_this(page), "Rename")
    title = page.get_by_role("textbox", name="Title of this conversation")
    expect(title).to_be_focused()
    title.fill("Tidy")
    title.press("Enter")
    expect(page.locator(".page-head h1")).to_have_text("Tidy")
    entry(page, "Tidy").hover()
    choose(page, page.get_by_role("button", name="More about Tidy"), "Rename")
    page.get_by_role("textbox", name="Title", exact=True).fill("Tidier")
    page.keyboard.press("Escape")
    expect(entry(page, "Tidy")).to_be_visible()
    entry(page, "Tidy").hover()
    choose(page, page.get_by_role("button", name="More about Tidy"), "Rename")
    page.get_by_role("textbox", name="Title", exact=True).fill("Tidiest")
    page.keyboard.press("Enter")
    expect(page.locator(".page-head h1")).to_have_text("Tidiest")
    page.reload()
    expect(entry(page, "Tidiest")).to_be_visible()


def test_a_pinned_conversation_stands_first(page: Page):
    """Pinning puts it under its own heading; unpinning puts it back."""
    begin(page, "To be pinned")
    choose(page, about_this(page), "Pin")
    group = page.locator(".entries section").first
    expect(group.locator("h2")).to_have_text("Pinned")
    expect(group).to_contain_text("To be pinned")
    choose(page, about_this(page), "Unpin")
    expect(page.locator(".entries section h2").first).to_have_text("Today")


def test_deleting_asks_first(page: Page):
    """The question can be taken back; after the answer nobody finds the conversation."""
    address = begin(page, "To be deleted")
    choose(page, about_this(page), "Delete …")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    choose(page, about_this(page), "Delete …")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.get_by_role("link", name="To be deleted")).to_have_count(0)
    page.goto(address)
    expect(page.get_by_text("This conversation is not here any more.")).to_be_visible()
    expect(page.locator(".composer")).to_have_count(0)
    page.get_by_role("main").get_by_role("link", name="New conversation").click()
    expect(page.locator(".composer")).to_be_visible()


def test_a_conversation_leaves_and_comes_back(page: Page, tmp_path: Path):
    """Export as JSON, import of that file: the same words at a new address."""
    address = begin(page, "To be exported")
    with page.expect_download() as download:
        choose(page, about_this(page), "Export as JSON")
    file = tmp_path / "exported.json"
    download.value.save_as(file)
    assert "To be exported" in json.dumps(json.loads(file.read_text()))
    with page.expect_download() as download:
        choose(page, about_this(page), "Export as Markdown")
    assert HELLO in Path(download.value.path()).read_text()
    page.set_input_files("input[accept*=json]", file)
    page.wait_for_url(lambda url: "/c/" in url and url != address)
    expect(page.locator(".answer-text")).to_have_text(HELLO, timeout=SOON)


def test_printing_shows_the_conversation_alone(page: Page):
    """On paper: the words, the model's name, the warning; no history, no box."""
    page.add_init_script("window.print = () => { document.body.dataset.printed = 'yes' }")
    page.reload()
    begin(page, "To be printed")
    choose(page, about_this(page), "Print")
    expect(page.locator("body[data-printed]")).to_be_attached()
    page.emulate_media(media="print")
    expect(page.locator(".answer-text")).to_be_visible()
    expect(page.locator(".answer .small-print")).to_contain_text("tiny")
    expect(page.get_by_text("Not a diagnosis.", exact=False).last).to_be_visible()
    for chrome in (".history", ".composer", ".status"):
        expect(page.locator(chrome)).to_be_hidden()


def test_keys_reach_everything(page: Page):
    """Ctrl+K searches, ? lists the keys, and that one can be switched off."""
    page.keyboard.press("Control+K")
    expect(page.get_by_label("Search the history")).to_be_focused()
    page.get_by_label("Search the history").press("?")
    expect(page.locator("dialog.keys")).to_be_hidden()
    page.locator("#main").focus()
    page.keyboard.press("?")
    expect(page.locator("dialog.keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("The key ? shows the list of keys").uncheck()
    page.keyboard.press("?")
    expect(page.locator("dialog.keys")).to_be_hidden()


def test_the_first_tab_stop_skips_the_history(page: Page):
    """The skip link appears on focus and leads into the main part."""
    page.goto(page.url.rstrip("/") + "/about")
    expect(page.get_by_role("heading", name="What it is", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the main part")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = "e => document.querySelector('main').contains(e)"
    assert page.locator(":focus").evaluate(inside)


def test_on_a_phone_the_history_opens_over_the_page(page: Page):
    """The button opens it, Escape and following a link close it."""
    begin(page, "Small screen")
    page.set_viewport_size(PHONE)
    drawer = page.locator("#history")
    button = page.get_by_role("button", name="History", exact=True)
    expect(drawer).to_be_hidden()
    button.click()
    expect(drawer).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    button.click()
    page.get_by_role("link", name="About and limits").click()
    expect(page.get_by_role("heading", name="Limits of MedGemma")).to_be_visible()
    expect(drawer).to_be_hidden()


@pytest.mark.parametrize("path", ["/", "/settings", "/about", "/setup", "/c/nothing", "/nowhere"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_small_phone(page: Page, path: str, scheme: str):
    """320 px are enough, in either colours, and every page has one main heading."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size(PHONE)
    page.goto(page.url.rstrip("/") + path)
    expect(page.locator("#main h1")).to_have_count(1)
    assert page.locator("html").evaluate("e => e.scrollWidth") <= PHONE["width"]
    overflowing = (
        "main => [...main.querySelectorAll('.scroll, .empty')]"
        ".some(e => e.scrollWidth > e.clientWidth)"
    )
    assert not page.locator("#main").evaluate(overflowing)
    expect(page.locator("html")).to_have_class(re.compile(scheme))


def test_what_is_chosen_is_kept_and_can_be_taken_back(tab: Page, own: Program):
    """A setting says its value, where it came from and when it applies."""
    tab.goto(f"{own.address}/settings")
    setting = tab.locator(".setting", has=tab.get_by_label("Longest answer", exact=True))
    expect(setting).to_contain_text("The default.")
    tab.get_by_label("Longest answer", exact=True).fill("512")
    tab.get_by_role("button", name="Save").click()
    expect(setting).to_contain_text("Chosen here.")
    expect(setting).to_contain_text("Until AI Doctor is started again: 2048.")
    tab.get_by_label("Temperature").fill("9")
    tab.get_by_role("button", name="Save").click()
    expect(tab.get_by_role("alert")).to_contain_text("temperature is not valid")
    tab.reload()
    expect(tab.get_by_label("Temperature")).to_have_value("0.0")
    expect(tab.get_by_label("Longest answer", exact=True)).to_have_value("512")
    tab.get_by_role("button", name="Take back Longest answer").click()
    expect(setting).to_contain_text("The default.")
    expect(tab.get_by_label("Longest answer", exact=True)).to_have_value("2048")


def test_the_environment_is_not_overruled(tab: Page, own: Program):
    """What a variable says is shown as such and cannot be changed."""
    tab.goto(f"{own.address}/settings")
    expect(tab.get_by_label("Engine", exact=True)).to_be_disabled()
    expect(tab.get_by_label("Engine", exact=True)).to_have_value("llamacpp")
    expect(tab.locator("body")).to_contain_text("Set by AIDOCTOR_ENGINE in the environment")


def test_light_and_dark_are_kept(tab: Page, own: Program):
    """The chosen appearance survives a reload."""
    tab.goto(f"{own.address}/settings")
    tab.get_by_label("Dark").check()
    expect(tab.locator("html")).to_have_class(re.compile("dark"))
    tab.reload()
    expect(tab.locator("html")).to_have_class(re.compile("dark"))
    expect(tab.get_by_label("Dark")).to_be_checked()


def test_deleting_everything_takes_a_typed_word(tab: Page, own: Program):
    """Without the word nothing happens; with it the history is empty."""
    tab.goto(own.address)
    tab.locator(".composer textarea").wait_for()
    begin(tab, "Soon gone")
    tab.get_by_role("link", name="Settings").click()
    tab.get_by_role("button", name="Delete all conversations …").click()
    word = tab.get_by_label("To confirm, type delete")
    word.fill("yes")
    tab.get_by_role("button", name="Delete all", exact=True).click()
    expect(word).to_be_visible()
    word.fill("delete")
    tab.get_by_role("button", name="Delete all", exact=True).click()
    expect(tab.locator(".welcome")).to_be_visible()
    expect(tab.locator(".entries")).to_contain_text("No conversations yet.")


def test_a_page_without_its_program_says_so_and_recovers(
    tab: Page, own: Program, tiny_model: TinyModel
):
    """The sentence comes when the program ends and goes when it is started again."""
    tab.goto(own.address)
    tab.locator(".composer textarea").wait_for()
    address = begin(tab, "Before the end")
    own.end()
    expect(tab.locator(".lost")).to_contain_text("Start it again", timeout=20_000)
    own.start()
    own.wait_for()
    expect(tab.locator(".lost")).to_have_count(0, timeout=20_000)
    expect(tab).to_have_url(address)
    expect(tab.locator(".answer-text")).to_have_text(HELLO, timeout=SOON)
    tab.locator(".composer textarea").fill("After it")
    tab.locator(".composer textarea").press("Enter")
    expect(tab.locator(".answer-text").nth(1)).to_have_text(HELLO, timeout=SOON)


def test_a_missing_model_is_one_card_until_it_is_there(
    tab: Page, built_page: Path, tiny_model: TinyModel, tmp_path: Path
):
    """What is missing stands on the page; once it is there the card goes by itself."""
    late = tmp_path / "late.gguf"
    settings = embedded(tiny_model) | {"AIDOCTOR_GGUF": str(late)}
    with running(tmp_path / "program", **settings) as program:
        tab.goto(program.address)
        card = tab.locator(".desk .notice")
        expect(card).to_be_visible(timeout=SOON)
        expect(card.get_by_role("link", name="Open Set-up")).to_be_visible()
        late.symlink_to(tiny_model.gguf)
        expect(card).to_have_count(0, timeout=6_000)
        expect(tab.locator(".facts")).to_contain_text("this computer")
