"""check_harmless.py PAGE: names that look like HTML are text in a browser too."""
import pathlib
import sys

from browser import Browser


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    with Browser() as page:
        page.open(path.as_uri())
        foreign = page.run("""[...document.querySelectorAll("img, svg, iframe, script")]
            .map((element) => element.outerHTML.slice(0, 80))""")
        if len(foreign) != 1:
            sys.exit(f"elements that the page does not have: {foreign}")
        text = page.run("document.body.textContent")
        for name in ("</code><script>alert(1)</script>{{stages}}", "<svg onload=alert(1)>",
                     "<img src=x onerror="):
            if name not in text:
                sys.exit(f"'{name}' is not shown as it is")
        if page.messages or page.requests != [path.as_uri()]:
            sys.exit(f"the console says {page.messages}, requests are {page.requests}")


if __name__ == "__main__":
    main()
