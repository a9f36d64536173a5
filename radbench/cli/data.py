"""``radbench data``: the public datasets that shifts may name, and their downloads on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.guard import guarded

if TYPE_CHECKING:
    from radbench.api.datasets import Dataset
    from radbench.data.sources.index import Facts

data_app = typer.Typer(
    help="Public datasets as they are downloaded: which are known, where they are, whether they are whole.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NameArgument = Annotated[str, typer.Argument(help="The dataset; 'radbench data list' shows all.")]
RootOption = Annotated[
    Path | None, typer.Option(help="Its folder. [default: where it was added, or RADBENCH_DATA_NAME]")
]
HostOption = Annotated[
    str, typer.Option(help="Of masks of other datasets' films, such as chexmask: the dataset of the films.")
]


@data_app.command("list")
def list_datasets(
    context: typer.Context, name: Annotated[str | None, typer.Argument(help="Only this one.")] = None
) -> None:
    """Show what to download from where under which agreement, and what is there."""
    with guarded(debug=context.obj):
        from rich.console import Console

        from radbench.api.datasets import datasets
        from radbench.data.sources import get_source

        console = Console(highlight=False, soft_wrap=True)
        for one in datasets() if name is None else [d for d in datasets() if d.name == get_source(name).name]:
            console.print(_about(one), markup=False)


def _about(one: "Dataset") -> str:
    where = "not on this machine" if one.root is None else f"at {one.root}"
    if one.root is not None and not one.root.is_dir():
        where += ", which does not exist"
    of = f"\n  masks or labels of the films of {', '.join(one.hosts)}" if one.hosts else ""
    return f"{one.name}: {one.title} ({where}){of}\n  from {one.url} ({one.licence})\n  get {'; '.join(one.download)}"


@data_app.command()
def add(
    context: typer.Context,
    name: NameArgument,
    path: Annotated[Path, typer.Argument(help="Folder of the download.")],
) -> None:
    """Remember where a dataset lies."""
    with guarded(debug=context.obj):
        from radbench.api.datasets import add_dataset

        typer.echo(
            f"{name} is at {add_dataset(name, path).root}. Look at it with: radbench data check {name}"
        )


@data_app.command()
def index(
    context: typer.Context,
    name: NameArgument,
    root: RootOption = None,
    host: HostOption = "",
    *,
    again: Annotated[bool, typer.Option("--again", help="Make it anew.")] = False,
) -> None:
    """Read a dataset's tables and headers once; repeat the command to go on with it."""
    with guarded(debug=context.obj):
        from rich.console import Console

        from radbench.api.datasets import index_dataset
        from radbench.cli.progress import ConsoleProgress

        progress = ConsoleProgress(Console(stderr=True))
        _print(name, index_dataset(name, root, host=host, again=again, progress=progress))


@data_app.command()
def check(
    context: typer.Context,
    name: NameArgument,
    root: RootOption = None,
    host: HostOption = "",
    sample: Annotated[int, typer.Option(min=1, help="Films that are read whole.")] = 50,
) -> None:
    """Say what a download holds, what is missing and what is odd, with counts."""
    with guarded(debug=context.obj):
        from rich.console import Console

        from radbench.api.datasets import check_dataset
        from radbench.cli.progress import ConsoleProgress
        from radbench.data.sources import get_source

        progress = ConsoleProgress(Console(stderr=True))
        found = check_dataset(name, root, host=host, sample=sample, progress=progress)
        _print(name, found.facts)
        if not host:
            sizes = sorted(found.sizes.items(), key=lambda one: -one[1])
            shown = ", ".join(f"{size} ({count})" for size, count in sizes[:6])
            typer.echo(
                f"Read whole: {found.sampled} films; height x width {shown}{', ...' if len(sizes) > 6 else ''}"
            )
        for sentence in found.problems:
            typer.echo(f"In these: {sentence}")
        source = get_source(name)
        for sentence in source.done_to_films:
            typer.echo(f"Know: {sentence}.")
        if source.overlaps:
            typer.echo(f"Know: shares films or patients with {', '.join(source.overlaps)}.")
        typer.echo(f"Licence: {source.licence}; reports and test sets of radbench contain its films.")


def _print(name: str, facts: "Facts") -> None:
    views = ", ".join(f"{view} {count:,}" for view, count in facts.views.items())
    typer.echo(f"{name}: {facts.films:,} films of {facts.patients:,} patients; views: {views or 'none'}")
    if facts.splits:
        typer.echo(f"Splits: {', '.join(f'{split} {count:,}' for split, count in facts.splits.items())}")
    for label, counts in facts.labels.items():
        told = ", ".join(
            f"{word} {counts[key]:,}"
            for key, word in (("1", "positive"), ("0", "negative"), ("-1", "uncertain"))
            if key in counts
        )
        typer.echo(f"  {label}: {told}")
    for mask, count in facts.masks.items():
        typer.echo(f"  mask {mask}: {count:,}")
    for table in facts.tables:
        typer.echo(f"Table {table.path}: SHA-256 {table.sha256}")
    for sentence in facts.told():
        typer.echo(f"Odd: {sentence}")
    if facts.straddling:
        typer.echo(
            f"Odd: {facts.straddling:,} patients are in several splits: {', '.join(facts.straddlers[:5])}"
        )
