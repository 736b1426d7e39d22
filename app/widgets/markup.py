"""Markup that is drawn again and again, parsed once."""

from functools import lru_cache

from textual.content import Content

# most cells and entries say what was said before, and to parse one takes longer than all else
parsed = lru_cache(maxsize=1 << 12)(Content.from_markup)
