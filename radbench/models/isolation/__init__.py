"""Models of strangers, run where they can do little harm: one process a model, in a sandbox, behind a pipe.

``model.IsolatedModel`` is the contract of any model under test over ``client`` (questions, answers and failures),
``process`` (the harness's end) and ``wire`` (what goes through the pipes). On the other side ``launch`` locks the
process in, layer after layer (``namespaces``, ``landlock``, ``seccomp``), and watches it, and ``worker`` holds the
adapter. ``permits`` says what a model gets; ``answers`` holds what comes back to what was asked.

What holds a hostile model, on Linux, each layer where kernel and administrator permit (``IsolatedModel.sandbox`` says
which were):

- namespaces: no network, no sight of other processes, and no survivors (also not of a process that hides in
  another session); mounts are read-only but for the model's own folder;
- Landlock: it opens the interpreter's files, the system's libraries and its own files, no home folder, no cohort,
  no cache, no other model's weights;
- seccomp: no sockets of any family, no look into other processes, no new namespaces, mounts, modules or io_uring;
- limits: memory of a process and of all together, time to load and for a batch, no core dumps, file sizes;
- an environment of a dozen harmless names, a home of its own that is removed, and no capability of root;
- the wire: JSON and raw numbers, never pickle, sizes bounded before they are read, answers checked against what was
  asked, words stripped of control characters.

What does not hold it, to be plain:

- The kernel and the GPU driver are trusted. A model in native code (``program``) that breaks either breaks out; a
  container or a machine of its own is the wall for that.
- Without Landlock and namespaces (macOS, containers that forbid both) it may read and write what its user may; on
  systems other than Linux neither network nor memory is held.
- It may read the system's and the interpreter's files and the names and values in its own few environment
  variables, and what it reads it can show: in its scores, and in the last 2,000 characters that it prints.
- It can lie. Scores may be made up, also by recognising the images; no sandbox sees that.
- Memory in files that are held open and not mapped (``memfd``) is counted by no process; the size of its folder on
  disk is bounded by the size of single files only. Disk, processor and GPU may be kept busy within the time limits.
- An inference server is somebody else's process: what runs there is not held at all, and images leave the machine
  when its address does. A program with ``--trust-model-code`` runs as the user, held by time and memory only, because
  whoever talks to a container daemon could not be held.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radbench.models.isolation.model import IsolatedModel, open_model

__all__ = ["IsolatedModel", "open_model"]


def __getattr__(name: str) -> Any:
    """Import on demand: a model's process passes through this package before it may have a second thread."""
    if name in __all__:
        from radbench.models.isolation import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
