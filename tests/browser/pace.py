"""What one person does on a page, and how long that takes them: this machine types faster than anybody."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from playwright.async_api import Locator, Page

KEY, CHOICE, PAGE = 0.3, 1.5, 2.0  # seconds: 40 words a minute; to find and press something; to take a page in
EFFORT = Path("var/effort.json")


@dataclass
class Pace:
    """Interactions as the form itself counts them (web/assets/refer.js): choices, buttons, and fields written in."""

    pressed: int = 0
    written: int = 0
    keystrokes: int = 0
    free_text: int = 0  # of the keystrokes
    pages: int = 0

    @property
    def interactions(self) -> int:
        return self.pressed + self.written

    @property
    def seconds(self) -> float:
        return self.keystrokes * KEY + self.interactions * CHOICE + self.pages * PAGE

    @property
    def seconds_without_free_text(self) -> float:
        return self.seconds - self.free_text * KEY

    def read(self) -> None:
        self.pages += 1

    async def press(self, what: Locator) -> None:
        await what.click()
        self.pressed += 1

    async def write(self, field: Locator, text: str, *, free: bool = False) -> None:
        await field.press_sequentially(text)
        self.written += 1
        self.keystrokes += len(text)
        self.free_text += len(text) if free else 0

    async def key(self, page: Page, name: str) -> None:
        await page.keyboard.press(name)
        self.keystrokes += 1

    def tell(self, who: str, machine_seconds: float) -> None:
        """Prints it, and keeps it in var/effort.json."""
        told = asdict(self) | {
            "interactions": self.interactions,
            "seconds": round(self.seconds, 1),
            "seconds_without_free_text": round(self.seconds_without_free_text, 1),
            "machine_seconds": round(machine_seconds, 2),
        }
        EFFORT.parent.mkdir(exist_ok=True)
        kept = json.loads(EFFORT.read_text()) if EFFORT.exists() else {}
        EFFORT.write_text(json.dumps(kept | {who: told}, indent=2) + "\n")
        print(
            f"\n{who}: {self.interactions} interactions, {self.keystrokes} keystrokes ({self.free_text} free text), "
            f"{self.seconds:.1f} s at human pace ({self.seconds_without_free_text:.1f} s without free text); "
            f"this machine {machine_seconds:.2f} s"
        )
