"""Pages as headless Chromium shows them: a picture, what it complains of, and where everything is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
from numpy.typing import NDArray

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# Colours and places of all texts, sizes of all figures; written into the page, for --dump-dom to show.
_LOOK = """
<script>
function backdrop(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (!colour.startsWith("rgba(") && colour.startsWith("rgb(")) return colour;
  }
  return "rgb(255, 255, 255)";
}
function box(element) {
  const r = element.getBoundingClientRect();
  return [r.left, r.top, r.right, r.bottom];
}
const tags = "svg text, h1, h2, h3, p, li, dt, dd, th, td, figcaption, summary, footer";
const texts = [...document.querySelectorAll(tags)]
  .filter(each => each.textContent.trim() && each.getBoundingClientRect().width)
  .map(each => {
    const style = getComputedStyle(each), drawn = each instanceof SVGElement;
    return {text: each.textContent, drawn, colour: drawn ? style.fill : style.color, backdrop: backdrop(each),
      box: box(each), figure: drawn ? box(each.closest("svg")) : null,
      name: drawn ? each.closest("svg").getAttribute("aria-label") : null};
  });
const figures = [...document.querySelectorAll("svg")].map(each => ({name: each.getAttribute("aria-label"),
  box: box(each), shapes: each.querySelectorAll("path, use").length}));
const seen = {width: document.documentElement.scrollWidth, inner: window.innerWidth, texts, figures};
document.body.innerHTML = "<pre id=seen></pre>";
document.getElementById("seen").textContent = JSON.stringify(seen);
</script>
"""


@dataclass(frozen=True)
class Browser:
    """Chromium with a window of some width, in light or dark mode; folder is for its files."""

    folder: Path
    dark: bool = False
    width: int = 1240
    height: int = 1800

    def look(self, page: Path) -> dict[str, Any]:
        """Open a copy of the page that measures itself."""
        copy = self.folder / "measured.html"
        copy.write_text(page.read_text().replace("</body>", _LOOK + "</body>"))
        found = re.search(r'<pre id="seen">(.*?)</pre>', self._run(copy, "--dump-dom").stdout, re.DOTALL)
        assert found is not None
        seen: dict[str, Any] = json.loads(unescape(found[1]))
        return seen

    def picture(self, page: Path) -> NDArray[np.float32]:
        """(H, W, 3) the page from its top, in [0, 1]."""
        path = self.folder / "page.png"
        self._run(page, f"--screenshot={path}")
        return np.asarray(matplotlib.image.imread(path)[:, :, :3])

    def complaints(self, page: Path) -> list[str]:
        """What the page writes to the console, errors of loading among it."""
        done = self._run(page, "--dump-dom", "--enable-logging=stderr", "--v=0")
        return [line for line in done.stderr.splitlines() if ":CONSOLE" in line]

    def _run(self, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
        assert CHROMIUM is not None
        command = [
            CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--no-first-run", f"--user-data-dir={self.folder / 'profile'}",
            f"--window-size={self.width},{self.height}",
            f"--blink-settings=preferredColorScheme={0 if self.dark else 1}", *options, page.as_uri(),
        ]  # fmt: skip
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two CSS colours, rgb(r, g, b), as WCAG 2 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
