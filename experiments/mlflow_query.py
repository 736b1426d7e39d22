"""What MLflow has to be asked for, by a process of its own, for it imports MLflow.

```
python -m experiments.mlflow_query URI                    every run as a JSON list, for `mlflow_runs.Found`
python -m experiments.mlflow_query URI files RUN          its artifacts: [{path, size}]
python -m experiments.mlflow_query URI fetch RUN NAME TO  fetches one into a folder, prints where it is
python -m experiments.mlflow_query URI tag RUN JSON       sets what is said about it
```
"""

import json
import math
import sys
from collections.abc import Iterator
from typing import Any

from experiments.annotating import set_tags
from experiments.mlflow_store import StoreUnreachable, open_client, store_call
from experiments.notes import Notes

RUNS_PER_PAGE = 1000


def every_run(uri: str) -> Iterator[dict[str, Any]]:
    """Yield what the store knows of each run that is not deleted.

    Raises:
        StoreUnreachable: no answer.
    """
    client = open_client(uri)
    with store_call(uri):
        names = {each.experiment_id: each.name for each in _pages(client.search_experiments)}
        for run in _pages(client.search_runs, experiment_ids=list(names)) if names else ():
            info, data = run.info, run.data
            yield {
                "uuid": info.run_id,
                "experiment": names[info.experiment_id],
                "status": info.status,
                "start": None if info.start_time is None else info.start_time / 1000,
                "end": None if info.end_time is None else info.end_time / 1000,
                "user": info.user_id,
                "artifact_uri": info.artifact_uri,
                "tags": dict(data.tags),
                "metrics": {key: value for key, value in data.metrics.items() if math.isfinite(value)},
                "params": dict(data.params),
            }


def _pages(search: Any, **arguments: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(max_results=RUNS_PER_PAGE, page_token=token, **arguments)
        yield from page
        if not (token := page.token):
            return


def every_file(client: Any, run: str, folder: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield path and size (bytes) of every artifact of a run."""
    for each in client.list_artifacts(run, folder):
        if each.is_dir:
            yield from every_file(client, run, each.path)
        else:
            yield {"path": each.path, "size": each.file_size}


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case [uri]:
                json.dump(list(every_run(uri)), sys.stdout)
            case [uri, "files", run]:
                client = open_client(uri)
                with store_call(uri):
                    json.dump(list(every_file(client, run)), sys.stdout)
            case [uri, "fetch", run, name, folder]:
                client = open_client(uri)
                with store_call(uri):
                    print(client.download_artifacts(run, name, folder))
            case [uri, "tag", run, tags]:
                set_tags(uri, run, Notes.of_mlflow(json.loads(tags)))
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except StoreUnreachable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
