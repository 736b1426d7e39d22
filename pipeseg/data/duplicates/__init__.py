"""Pictures that show the same thing: exact copies, copies that were changed a little, turned or mirrored ones."""

from pipeseg.data.duplicates.find import find_duplicates
from pipeseg.data.duplicates.grouping import group_names
from pipeseg.data.duplicates.pairs import Duplicates, Pair

__all__ = ["Duplicates", "Pair", "find_duplicates", "group_names"]
