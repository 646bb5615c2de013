"""A person talks with the model in the browser: every step on the real page and engine."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import psutil
from playwright.sync_api import Locator, Page, expect

from tests.kit.program import Program

HELLO = "Hello from the tiny test model."
FEVER = "Rest, drink water and measure your temperature!"
ADDRESS = re.compile(r"/c/[A-Za-z0-9_-]{8,40}$")
SOON = 10_000


def box(page: Page) -> Locator:
    return page.locator(".composer textarea")


def say(page: Page, words: str) -> None:
    box(page).fill(words)
    box(page).press("Enter")


def answers(page: Page) -> Locator:
    return page.locator(".answer-text")


def ask(page: Page, words: str, answer: str) -> None:
    before = answers(page).count()
    say(page, words)
    expect(answers(page).nth(before)).to_have_text(answer, timeout=SOON)
    expect(page.get_by_role("button", name="Send (Enter)")).to_be_visible(timeout=SOON)


def picture(folder: Path, colour: str) -> Path:
    from PIL import Image

    path = folder / f"{colour}.png"
    Image.new("RGB", (96, 96), colour).save(path)
    return path


def test_a_question_is_answered_and_gets_an_address(page: Page):
    """Typing and Enter is all it takes; the conversation has its own address and a title."""
    ask(page, "I have a fever", FEVER)
    expect(page).to_have_url(ADDRESS)
    expect(page.locator(".page-head h1")).to_have_text("I have a fever")
    expect(page.locator(".entry-title").first).to_have_text("I have a fever")


def test_the_model_remembers_twenty_turns(page: Page):
    """What was said in the first message still shows in the twentieth answer."""
    ask(page, "I ate pepper", "You told me about spice before.")
    for number in range(2, 21):
        ask(page, f"Message {number}", "You told me about spice before.")
    expect(answers(page)).to_have_count(20)


def test_thoughts_are_folded_away(page: Page):
    """What the model thinks is there, closed, and not part of the answer."""
    say(page, "Please ponder this")
    thought = page.locator("details.thought")
    expect(thought).to_be_visible(timeout=SOON)
    expect(thought).not_to_have_attribute("open", "")
    expect(answers(page)).not_to_contain_text("unused")


def test_three_pictures_are_seen(page: Page, tmp_path: Path):
    """A picture by the button is cleaned, shown and seen by the model, three times over."""
    for colour, seen in (
        ("red", "This looks red"),
        ("lime", "An image in green"),
        ("blue", "Picture of blue"),
    ):
        page.goto(page.url.split("/c/")[0])
        box(page).wait_for()
        page.set_input_files("input[accept*='image']", picture(tmp_path, colour))
        expect(page.locator(".tray-item.ready")).to_have_count(1, timeout=SOON)
        ask(page, "What is this?", seen)
        expect(page.locator(".question .pictures img")).to_have_count(1)


def test_a_file_that_is_no_picture_is_refused_and_the_draft_stays(page: Page, tmp_path: Path):
    """The refusal is a sentence, and nothing that was typed is lost."""
    wrong = tmp_path / "scan.pdf"
    wrong.write_bytes(b"%PDF-1.7\n" + b"0" * 500)
    box(page).fill("My draft")
    page.set_input_files("input[accept*='image']", wrong)
    expect(page.locator(".tray")).to_contain_text("PDF", timeout=SOON)
    expect(box(page)).to_have_value("My draft")


def test_an_endless_answer_is_stopped(page: Page, doctor: Program):
    """Escape stops the page within 0.2 s and the engine within a second."""
    say(page, "Talk forever")
    expect(answers(page)).to_contain_text("tick tock tick tock", timeout=SOON)
    began = time.monotonic()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Send (Enter)").wait_for()
    assert time.monotonic() - began < 0.4  # twice the limit, since machines are noisy
    time.sleep(1)
    child = engine_child(doctor)
    assert child.cpu_percent(interval=0.5) < 25
    length = len(answers(page).inner_text())
    time.sleep(0.3)
    assert len(answers(page).inner_text()) == length


def engine_child(doctor: Program) -> psutil.Process:
    children = psutil.Process(doctor.process.pid).children(recursive=True)
    return next(c for c in children if any("llamacpp_child" in part for part in c.cmdline()))


def test_a_reload_in_mid_answer_loses_and_doubles_nothing(page: Page):
    """After a reload the text goes on from its first word, in order."""
    say(page, "Talk forever")
    expect(answers(page)).to_contain_text("tick tock tick tock", timeout=SOON)
    expect(page).to_have_url(ADDRESS)
    page.reload()
    expect(answers(page)).to_contain_text("tick tock tick tock", timeout=SOON)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Send (Enter)").wait_for(timeout=SOON)
    words = answers(page).inner_text().split()
    assert words == ["tick", "tock"] * (len(words) // 2) + ["tick"] * (len(words) % 2)
    stopped = answers(page).inner_text()
    page.reload()
    expect(answers(page)).to_have_text(stopped, timeout=SOON)


def test_an_answer_goes_on_without_its_page(page: Page):
    """Closing the tab does not stop the answer; another tab finds it longer."""
    say(page, "Talk forever")
    expect(answers(page)).to_contain_text("tick tock", timeout=SOON)
    expect(page).to_have_url(ADDRESS)
    address = page.url
    before = len(answers(page).inner_text())
    second = page.context.new_page()
    page.goto("about:blank")
    time.sleep(0.5)
    second.goto(address)
    expect(answers(second)).to_contain_text("tick tock", timeout=SOON)
    assert len(answers(second).inner_text()) > before
    second.keyboard.press("Escape")
    second.get_by_role("button", name="Send (Enter)").wait_for(timeout=SOON)
    second.close()


def test_a_killed_engine_is_said_and_replaced(page: Page, doctor: Program):
    """The text so far stays, one card says what to do, and the next message is answered."""
    say(page, "Talk forever")
    expect(answers(page)).to_contain_text("tick tock", timeout=SOON)
    os.kill(engine_child(doctor).pid, signal.SIGKILL)
    card = page.get_by_role("alert")
    expect(card).to_contain_text("stopped unexpectedly", timeout=SOON)
    expect(answers(page).first).to_contain_text("tick tock")
    page.goto(doctor.address)
    box(page).wait_for()
    ask(page, "Are you well?", HELLO)


def test_asking_again_and_editing_keep_every_branch(page: Page):
    """A second answer and an edited question stand beside the first ones, one click away."""
    ask(page, "Good morning", HELLO)
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".siblings")).to_contain_text("2", timeout=SOON)
    expect(page.get_by_role("button", name="Send (Enter)")).to_be_visible(timeout=SOON)
    box(page).press("ArrowUp")
    editor = page.locator(".editor textarea")
    editor.fill("I have a fever")
    page.get_by_role("button", name=re.compile("save", re.IGNORECASE)).click()
    expect(answers(page)).to_have_text(FEVER, timeout=SOON)
    expect(page.get_by_role("button", name="Send (Enter)")).to_be_visible(timeout=SOON)
    page.locator(".question .siblings button").first.click()
    expect(page.locator(".question-text")).to_have_text("Good morning", timeout=SOON)


def test_the_draft_survives_a_reload(page: Page):
    """What was typed and not sent is there again."""
    box(page).fill("Half a thought")
    page.reload()
    expect(box(page)).to_have_value("Half a thought")
    box(page).fill("")


def test_enter_during_composition_sends_nothing(page: Page):
    """People who write with an input method end their word with Enter, not their message."""
    box(page).fill("はつねつ")
    box(page).dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    box(page).press("Shift+Enter")
    page.wait_for_timeout(300)
    expect(page.locator(".question-text")).to_have_count(0)
    expect(box(page)).to_have_value("はつねつ\n")
    box(page).fill("")


def test_history_is_searched_and_really_deleted(page: Page, doctor: Program):
    """Search finds a word of the text; after deletion no file of the data folder holds it."""
    ask(page, "My zebrafish is ill", HELLO)
    page.get_by_label("Search the history").fill("zebraf")
    expect(page.locator(".entry-title")).to_have_count(1, timeout=SOON)
    page.locator(".entry").first.hover()
    page.get_by_role("button", name=re.compile("More about My zebrafish")).click()
    page.get_by_role("menuitem", name=re.compile("Delete")).click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page).to_have_url(f"{doctor.address}/", timeout=SOON)
    files = [p for p in (doctor.folder / "data").rglob("*") if p.is_file()]
    assert not [p for p in files if b"zebrafish" in p.read_bytes()]


def test_a_temporary_conversation_is_not_in_any_file(page: Page, doctor: Program):
    """It is answered like any other, and leaves nothing."""
    page.get_by_label(re.compile("Temporary")).click()
    expect(page.get_by_label(re.compile("Temporary"))).to_be_checked(timeout=SOON)
    ask(page, "Nobody shall read quetzal", HELLO)
    files = [p for p in (doctor.folder / "data").rglob("*") if p.is_file()]
    assert not [p for p in files if b"quetzal" in p.read_bytes()]
    expect(page.locator(".entry-title", has_text="quetzal")).to_have_count(0)


def test_it_fits_a_small_phone_in_the_dark(page: Page, doctor: Program):
    """At 320 px nothing is wider than the screen, on any page."""
    page.set_viewport_size({"width": 320, "height": 600})
    page.emulate_media(color_scheme="dark")
    for path in ("/", "/settings", "/setup", "/about"):
        page.goto(doctor.address + path)
        page.locator("h1").wait_for()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
