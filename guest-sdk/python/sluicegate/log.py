"""Messages for the person who runs the transform; the host limits their volume."""

LEVELS = ("trace", "debug", "info", "warn", "error")


def _nowhere(level, message):
    raise RuntimeError(f"no host takes this message of level {level}: {message}")


#: Takes a level, one of `LEVELS`, and a text; the component and the harness set it.
sink = _nowhere


def trace(message):
    """Logs a step."""
    sink("trace", str(message))


def debug(message):
    """Logs what helps to find a mistake."""
    sink("debug", str(message))


def info(message):
    """Logs what happened."""
    sink("info", str(message))


def warn(message):
    """Logs what may be wrong."""
    sink("warn", str(message))


def error(message):
    """Logs what is wrong."""
    sink("error", str(message))
