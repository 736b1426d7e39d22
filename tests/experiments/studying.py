"""A workshop with the experiments of a study, whose runs are quick programs that a test lets end one by one."""

from typing import Any

from small_workshop import SCRIPT, Workshop, run_processes
from waiting import wait_until

from experiments import runs
from experiments.run_view import RunView
from pipeseg.events import read_events
from pipeseg.run_directory import RunDirectory

BASELINE = "stage: baseline\ntrain_dataset: x\nvalidation_dataset: y\nevaluation_dataset: z\ndevice: cpu\n"
REFINE = BASELINE.replace("stage: baseline\ntrain", "stage: refine\nbaseline") + "hybrid_dataset: h\n"
STUDY = "stage: study\nclasses: [deposition, rupture]\nsplit: null\ntrack_experiment: false\n"
STUDY_SCRIPT = "from experiments.entry import main\nfrom experiments.study import study\nmain(__file__, study)\n"
UNLUCKY = 13
# a seed of 13 fails for rupture; a gate of its own, gate-<stage>-<class>, lets one run end
FAIL = f"""\
if config.seed == {UNLUCKY} and config.defect_class == "rupture":
    run.emit("error", text="no luck")
    run.status("failed")
    sys.exit(1)
"""
WAIT = 'or Path(GATE + f"-{config.stage}-{config.defect_class}").exists())'
TRAINED = """
import json
from experiments.study_key import content_of
directory.best_checkpoint.write_text(f"weights of {config.defect_class} {config.seed}")
steps = config.epochs * (config.steps_per_epoch or 1)
(directory.results / "summary.json").write_text(json.dumps({"total_steps": steps, "test": {"iou": 0.5}}))
"""
REFINED = """
import json
from experiments.study_key import content_of
outputs = {}
for name in (config.hybrid_dataset, f"{config.hybrid_dataset}_VAL"):
    folder = run.settings.datasets_dir / name
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / "0.png").write_text(f"{part} refined by {config.baseline_run}")
    (folder / "dataset.json").write_text("{}")
    outputs[name] = content_of(folder)
directory.update(outputs=outputs)
"""


def script(ending: str) -> str:
    """Return a program that waits for its gate, and leaves behind what `ending` writes."""
    waiting = SCRIPT.replace("while not Path(GATE).exists():", f"while not (Path(GATE).exists() {WAIT}:")
    waiting = waiting.replace('print("goodbye', ending + 'print("goodbye').replace("try:", FAIL + "try:")
    # a refinement knows no epochs
    return waiting.replace("config.epochs, force", "3, force").replace("epochs=config.epochs", "epochs=3")


class Studying:
    """What a test of studies does in a workshop."""

    def __init__(self, workshop: Workshop):
        self.workshop = workshop
        self.settings = workshop.settings
        trained = script(TRAINED)
        workshop.add_experiment("baseline", BASELINE, trained)
        workshop.add_experiment("final", BASELINE.replace("stage: baseline", "stage: final"), trained)
        workshop.add_experiment("refine", REFINE, script(REFINED))
        workshop.add_experiment("study", STUDY, STUDY_SCRIPT)
        for suffix in ("BASELINE", "BASELINE_VAL", "EVAL"):
            workshop.add_dataset(f"sample_rupture_{suffix}")

    def open_gate(self, *steps: str) -> None:
        """Let the runs of these steps end, e.g. `baseline-deposition`, or all."""
        for name in [f"gate-{step}" for step in steps] or ["gate"]:
            (self.workshop.root / name).touch()

    def launch(self, *sets: str, wait: bool = False) -> Any:
        """Launch a study as a person does; return the finished command, or the study's run."""
        pairs = [part for text in sets for part in ("--set", text)]
        done = self.workshop.command("launch", "study", *pairs, *(["--wait"] if wait else []))
        if wait:
            return done
        assert done.returncode == 0, done.stderr
        return runs.find_run(self.settings, done.stdout.strip())

    def steps(self, study: RunDirectory) -> dict[str, str]:
        """Return step -> what the study said of it last."""
        events = read_events(study.events_file)
        return {event["step"]: event["status"] for event in events if event["kind"] == "child"}

    def texts(self, study: RunDirectory, kind: str = "message") -> list[str]:
        return [event["text"] for event in read_events(study.events_file) if event["kind"] == kind]

    def children(self) -> list[RunView]:
        """Return every run but the studies, oldest first."""
        return [view for view in reversed(runs.list_runs(self.settings)) if view.stage != "study"]

    def child(self, step: str) -> RunDirectory:
        """Return the newest run of a step."""
        return [view for view in self.children() if view.info["study_step"] == step][-1].directory

    def await_running(self, *steps: str) -> None:
        """Wait until exactly these steps work, each heard of in its own journal."""

        def now() -> list[str]:
            return sorted(view.info["study_step"] for view in self.children() if view.status == "running")

        wait_until(lambda: now() == sorted(steps))

    def await_end(self, study: RunDirectory) -> str:
        wait_until(lambda: study.exit_file.exists() and not run_processes(study))
        return runs.run_status(study)

    def attempts(self) -> dict[str, int]:
        """Return run id -> how often its program began."""
        return {
            view.run_id: view.directory.log_file.read_text(encoding="utf-8").count("hello from the log")
            for view in self.children()
        }
