"""The pictures among the files of a run, in the viewer of the datasets."""

from collections.abc import Sequence
from pathlib import Path

from textual import work

from app import messages
from app.screens.pictures import PictureScreen
from pipeseg.settings import Settings


class RunPictures(PictureScreen):
    """Begins with the picture `first` of `paths`."""

    def __init__(self, settings: Settings, paths: Sequence[Path], first: int) -> None:
        super().__init__(settings, paths[first].parent.name)
        self.paths, self.index = paths, first

    @work(thread=True, group="read", exit_on_error=False)
    def _read(self) -> None:
        from experiments.pictures import PictureFacts, Pictures

        # by their whole paths: files of one name lie in several folders
        known = {str(path): PictureFacts(path.name, path) for path in self.paths}
        pictures = Pictures(self.dataset, self.paths[0].parent, tuple(known), (), {}, known)
        self.post_message(messages.PicturesRead(pictures))
