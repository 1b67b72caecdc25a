"""gateway maps render | check | try | compare | unmapped: what the translation does, and what would be different."""

import typer

from gateway.commands.maps.comparing import compare
from gateway.commands.maps.looking import check, render
from gateway.commands.maps.missing import unmapped
from gateway.commands.maps.trying import try_files

app = typer.Typer(no_args_is_help=True, help=__doc__)
app.command()(render)
app.command()(check)
app.command("try")(try_files)
app.command()(compare)
app.command()(unmapped)
