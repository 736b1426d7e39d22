"""The side of the terminal in kitty's graphics protocol: understands commands, keeps pictures."""

import base64
import io
import re
from dataclasses import dataclass, field

from PIL import Image

_COMMAND = re.compile(r"\x1b_G([^;\x1b]*)(?:;([^\x1b]*))?\x1b\\")
_WRAPPED = re.compile(r"\x1bPtmux;((?:[^\x1b]|\x1b\x1b)*)\x1b\\")


@dataclass
class KittyTerminal:
    """Attributes: pictures: by number, with the columns and rows that they are scaled into."""

    pictures: dict[int, tuple[Image.Image, int, int]] = field(default_factory=dict)
    transmitted: int = 0
    texts: list[str] = field(default_factory=list)
    _begun: tuple[dict[str, str], str] | None = None

    def read(self, text: str) -> None:
        self.texts.append(text)
        for keys, payload in _COMMAND.findall(_WRAPPED.sub(lambda found: found[1].replace("\x1b\x1b", "\x1b"), text)):
            self._obey(dict(entry.split("=") for entry in keys.split(",")), payload)

    def _obey(self, keys: dict[str, str], payload: str) -> None:
        assert keys["q"] == "2", "an answer would be taken for keys"
        if keys.get("a") == "d":
            assert keys["d"] == "I" and self._begun is None
            del self.pictures[int(keys["i"])]
            return
        assert 0 < len(payload) <= 4096 and (keys["m"] == "0" or len(payload) % 4 == 0)
        if self._begun is None:
            assert (keys["a"], keys["U"], keys["f"], keys["t"]) == ("T", "1", "100", "d")
            self._begun = keys, payload
        else:
            assert set(keys) == {"m", "q"}, "only the first chunk may say more"
            self._begun = self._begun[0], self._begun[1] + payload
        if keys["m"] == "0":
            first, data = self._begun
            self._begun = None
            assert int(first["i"]) not in self.pictures, "a picture is replaced while it may be seen"
            image = Image.open(io.BytesIO(base64.b64decode(data, validate=True))).convert("RGB")
            self.pictures[int(first["i"])] = image, int(first["c"]), int(first["r"])
            self.transmitted += 1
