"""The layers of the App are one object: a name that two of them have must be meant so."""

import inspect

import pytest

from app.dashboard import Dashboard

LAYERS = [cls for cls in Dashboard.__mro__ if cls.__module__.startswith("app.")]
# what Textual itself asks of a class
TEXTUALS = {"BINDINGS", "CSS_PATH", "DEFAULT_CSS", "TITLE", "HORIZONTAL_BREAKPOINTS", "VERTICAL_BREAKPOINTS"}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_what_a_layer_replaces_it_goes_on_to_call(layer: type) -> None:
    """Else one layer would silently take another's method, or Textual's, away."""
    below = layer.__mro__[1:]
    for name, value in vars(layer).items():
        owner = next((cls for cls in below if name in vars(cls)), None)
        if owner is None or not owner.__module__.startswith("app.") or name.startswith("__") or name in TEXTUALS:
            continue
        if name in ("_css_type_name", "_css_type_names", "_computes", "_decorated_handlers", "_reactives"):
            continue
        # Textual itself calls the handlers `on_...` of every class
        if name.startswith(("_inherit", "_merged", "on_")):
            continue
        function = value.fget if isinstance(value, property) else value
        assert inspect.isfunction(function), f"{layer.__name__}.{name} hides that of {owner.__name__}"
        assert f"super().{name}" in inspect.getsource(function) or _says_nothing(vars(owner)[name]), (
            f"{layer.__name__}.{name} hides that of {owner.__name__}"
        )


def _says_nothing(function: object) -> bool:
    """Whether a method is there only to be replaced."""
    lines = inspect.getsource(function).strip().splitlines()  # type: ignore[arg-type]
    return lines[-1].strip().endswith('"""') or lines[-1].strip() == "return None"
