"""Files of a Hugging Face hub repository, fetched into the hub's own cache; whatever stops it says what to do."""

from collections.abc import Sequence
from pathlib import Path

from radbench.errors import UsageError

SITE = "https://huggingface.co"
"""Where the repositories are."""


def fetch(repository: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """Return the local folder of a repository at one revision, its matching files fetched where they are missing.

    Args:
        repository: ``owner/name``.
        revision: commit, tag or branch; None for ``main``.
        patterns: what to fetch, as ``fnmatch`` patterns of paths inside it; nothing else is fetched.

    Raises:
        UsageError: the terms were not accepted, nobody is logged in, there is no such repository or revision, or the
            hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:
        raise UsageError(_sentence(repository, revision, error)) from error


def revisions_command(repository: str) -> str:
    """Return the command that prints the commits of a repository's branches and tags."""
    return f"git ls-remote {SITE}/{repository}"


def refusal(repository: str, revision: str | None, error: Exception) -> str | None:
    """Return the sentence for a hub that said no, whoever asked it; None where an error is something else.

    Args:
        repository: ``owner/name`` that was asked for.
        revision: the revision that was asked for; None for ``main``.
        error: what was raised; the hub's own answer may lie further back in its causes.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    wanted, chain = _wanted(repository, revision), _causes(error)
    if any(isinstance(one, GatedRepoError) for one in chain):
        return (
            f"{wanted}: its weights are gated; accept the terms at {SITE}/{repository} with your account, "
            "then run 'hf auth login' (or set HF_TOKEN) with a token that may read it."
        )
    if any(isinstance(one, RepositoryNotFoundError) for one in chain):
        return (
            f"{wanted}: there is no such repository, or it is private or gated and nobody is logged in; check the "
            f"name, accept the terms at {SITE}/{repository} if there are any, then run 'hf auth login'."
        )
    if any(isinstance(one, RevisionNotFoundError) for one in chain):
        return f"{wanted}: it has no such revision; '{revisions_command(repository)}' prints those it has."
    return None


def _sentence(repository: str, revision: str | None, error: Exception) -> str:
    otherwise = f"{_first_line(error)}; download it and give its folder instead."
    return refusal(repository, revision, error) or f"{_wanted(repository, revision)}: {otherwise}"


def _wanted(repository: str, revision: str | None) -> str:
    return f"Cannot fetch {repository} at revision {revision or 'main'} from the hub"


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and what it came from: the hub wraps a refusal in 'not in the cache either'."""
    chain: list[BaseException] = []
    now: BaseException | None = error
    while now is not None and now not in chain:
        chain.append(now)
        now = now.__cause__ or now.__context__
    return chain


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") if text else type(error).__name__
