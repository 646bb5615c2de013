"""The command line: `aidoctor` serves; `setup`, `doctor` and `config` are its other words."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from aidoctor import __version__
from aidoctor.errors import AIDoctorError, HostRefused, SettingsError

cli = typer.Typer(
    help="A private doctor that you own. Without a command it serves the page.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@cli.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="Port of the page.")] = None,
    browser: Annotated[
        bool | None, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A private doctor that you own. Without a command it serves the page."""
    if port is not None:
        os.environ["AIDOCTOR_PORT"] = str(port)
    if browser is not None:
        os.environ["AIDOCTOR_OPEN_BROWSER"] = str(browser).lower()
    if context.invoked_subcommand is None:
        from aidoctor.serve import serve

        raise typer.Exit(serve())


@cli.command()
def config() -> None:
    """Show every setting, its value and where it came from."""
    from aidoctor import settings
    from aidoctor.setup.commands import chosen

    rows = settings.explain(chosen(settings.load().data_dir))
    typer.echo(f"# {settings.config_file()}")
    width = max(len(f"{row.name} = {row.value}") for row in rows)
    for row in rows:
        typer.echo(f"{f'{row.name} = {row.value}':{width}}  # {row.origin}")


def _add_setup() -> None:
    """Add the commands of set-up where they may be wanted, so that the page starts sooner."""
    if len(sys.argv) > 1:
        from aidoctor.setup.commands import doctor_command, setup_command

        cli.command("doctor")(doctor_command)
        cli.command("setup")(setup_command)


def main() -> NoReturn:
    """Run the command line; what goes wrong is said in plain words, not as a traceback.

    Ends with status 0, with 2 where a setting or an argument is wrong, else with 1.
    """
    try:
        _add_setup()
        cli()
    except (HostRefused, SettingsError) as error:
        sys.exit(_told(error, 2))
    except AIDoctorError as error:
        sys.exit(_told(error, 1))
    except Exception as error:
        if os.environ.get("AIDOCTOR_LOG_LEVEL") == "debug":
            raise
        fix = "AIDOCTOR_LOG_LEVEL=debug aidoctor tells more."
        sys.exit(
            _told(AIDoctorError(what=f"AI Doctor failed ({type(error).__name__}).", fix=fix), 1)
        )
    sys.exit(0)


def _told(error: AIDoctorError, status: int) -> int:
    print(f"{error.what} {error.fix}", file=sys.stderr)  # noqa: T201
    return status


if __name__ == "__main__":
    main()
