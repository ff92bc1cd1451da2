"""check_page.py PAGE [FOLDER]: looks at a page of --report in Chromium.

With FOLDER, leaves pictures of it there. Prints what is wrong; status 1 then.
"""
import os
import pathlib
import sys

from browser import Browser

VISIBLE = "[...document.querySelectorAll('.stage')].filter((s) => s.offsetParent).map((s) => s.id)"
ARROW_RIGHT, ARROW_LEFT, END = 39, 37, 35


def check_start(page):
    shown = page.run(VISIBLE)
    assert shown == ["stage-0", "stage-1"], f"begins with {shown}"
    current = page.run("document.querySelector('nav [aria-current]').textContent")
    assert current.startswith("1 graph"), f"'{current}' is current"
    for side in ("before", "after"):
        text = page.run(f"document.querySelector('.{side} .ir').innerText")
        assert "module @" in text, f"the pane '{side}' shows '{text[:80]}'"


def check_mouse(page):
    page.click("nav a[href='#stage-6']")
    page.expect(VISIBLE, ["stage-5", "stage-6"])
    page.expect("location.hash", "#stage-6")
    new = page.run("[...document.querySelectorAll('.after .new b')].map((b) => b.textContent)")
    assert "attn.flash" in new, f"new in stage 6: {new}"
    gone = page.run("[...document.querySelectorAll('.before .gone b')].map((b) => b.textContent)")
    assert "attn.score" in gone, f"gone from stage 5: {gone}"
    remark = page.run("document.querySelector('.after .remark').innerText")
    assert "attn-form-flash" in remark, f"the remark is '{remark}'"
    operation = page.run("document.querySelector('.after .remark').closest('li')"
                         ".querySelector('b').textContent")
    assert operation == "attn.flash", f"the remark of attn-form-flash stands at {operation}"
    page.click("#beside")
    page.expect(VISIBLE, ["stage-6"])
    page.click("#beside")


def check_marks(page):
    colours = page.run("""['.after .new', '.before .gone', '.after .ir'].map((selector) =>
        getComputedStyle(document.querySelector(selector)).backgroundColor)""")
    assert len(set(colours)) == 3, f"new, gone and the rest look alike: {colours}"
    signs = page.run("""['.after .new > code', '.before .gone > code'].map((selector) =>
        getComputedStyle(document.querySelector(selector), '::before').content[1])""")
    assert signs == ["+", "\u2212"], f"marks are {signs}"


def check_keyboard(page):
    page.run("document.querySelector(\"nav a[href='#stage-6']\").focus()")
    page.press("ArrowRight", ARROW_RIGHT)
    page.expect(VISIBLE, ["stage-6", "stage-7"])
    page.press("End", END)
    page.expect(VISIBLE, ["stage-8", "stage-9"])
    page.press("ArrowLeft", ARROW_LEFT)
    page.expect("document.activeElement.hash", "#stage-8")
    page.press("[")
    page.press("[")
    page.expect(VISIBLE, ["stage-5", "stage-6"])
    page.press("n")
    said = page.run("document.querySelector('[role=status]').textContent")
    assert said.startswith("change 1 of "), f"'n' says '{said}'"
    assert page.run("document.querySelector('.found').classList.contains('new')")
    page.press("b")
    page.expect(VISIBLE, ["stage-6"])
    page.press("b")


def check_links(page):
    """A remark's row leads to the operation that the remark is about."""
    page.click("#remarks ~ .scroll a[href^='#s1-']")
    page.expect(VISIBLE, ["stage-0", "stage-1"])
    assert page.run("document.querySelector('.found .remark') !== null"), "no remark is found"


def check_contrast(page):
    """Text against its pane, as WCAG measures it."""
    for selector in (".ir code", ".ir b", ".quiet", ".remark .kind", "nav [aria-current]"):
        ratio = page.run(f"""(() => {{
            const light = (colour) => {{
                const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => {{
                    const c = part / 255;
                    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
                }});
                return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            }};
            const element = document.querySelector("{selector}");
            let ground = element;
            while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)")
                ground = ground.parentElement;
            const ends = [light(getComputedStyle(element).color),
                          light(getComputedStyle(ground).backgroundColor)].sort((a, b) => b - a);
            return (ends[0] + 0.05) / (ends[1] + 0.05);
        }})()""")
        assert ratio >= 4.5, f"'{selector}' has a contrast of {ratio:.2f}, expected 4.5 or more"


def check_structure(page):
    doubled = page.run("""(() => {
        const seen = new Set();
        return [...document.querySelectorAll("[id]")].map((element) => element.id)
            .filter((id) => seen.has(id) || !seen.add(id));
    })()""")
    assert not doubled, f"ids occur twice: {doubled}"
    dangling = page.run("""[...document.querySelectorAll("a")].map((link) => link.hash.slice(1))
        .filter((id) => !document.getElementById(id))""")
    assert not dangling, f"links lead nowhere: {dangling}"
    assert page.run("document.body.scrollWidth <= innerWidth"), "the page scrolls sideways"


def check_without_script(page, url):
    page.set_scripts(False)
    page.open(url)
    shown = len(page.run(VISIBLE))
    assert shown == 10, f"{shown} stages are shown without the script"
    page.set_scripts(True)


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    pictures = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    with Browser() as page:
        page.open(path.as_uri())
        check_start(page)
        check_structure(page)
        check_mouse(page)
        for scheme in ("light", "dark"):
            page.set_scheme(scheme)
            check_marks(page)
            check_contrast(page)
            if pictures:
                page.screenshot(pictures / f"{scheme}.png")
        check_keyboard(page)
        check_links(page)
        check_without_script(page, path.as_uri())
        assert not page.messages, f"the console says {page.messages}"
        others = [url for url in page.requests if url not in (path.as_uri(), "data:,")]
        assert not others, f"the page asked for {others}"


if __name__ == "__main__":
    try:
        main()
    except AssertionError as wrong:
        sys.exit(f"{os.path.basename(sys.argv[1])}: {wrong}")
