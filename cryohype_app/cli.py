"""`cryohype-app serve`: the dashboard in the browser."""

from __future__ import annotations

import argparse
import importlib.util
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from cryohype_model.errors import ConfigError, CryoHypeError
from cryohype_model.housekeeping import begin_process

DEFAULT_PORT = 8050
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="cryohype-app", description="CryoHype's dashboard")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="open the dashboard in a browser", description=_serve.__doc__)
    serve.add_argument(
        "store", nargs="?", type=Path, metavar="STORE", help="folder of the runs (default: this one; with --demo one of its own)"
    )
    serve.add_argument("--demo", action="store_true", help="put the demo, a small trained run, into the folder and open it")
    serve.add_argument(
        "--root", type=Path, action="append", default=[], metavar="DIR", help="a folder that particles may be read from"
    )
    serve.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"port (default {DEFAULT_PORT}, the next free one if taken)"
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine only)")
    serve.add_argument("--accelerator", choices=("auto", "cpu", "cuda"), default="auto", help="where volumes are made")
    serve.add_argument("--open", action=argparse.BooleanOptionalAction, default=True, help="open the browser")
    serve.add_argument("--new-token", action="store_true", help="replace the token that opens the dashboard")
    serve.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate, for other machines to connect")
    serve.add_argument("--tls-key", type=Path, metavar="PEM", help="its private key")
    serve.add_argument(
        "--insecure", action="store_true", help="listen to other machines without TLS: the token can be read on the way"
    )
    serve.set_defaults(run=_serve)
    napari = commands.add_parser("napari", help="open the desktop viewer", description=_napari.__doc__)
    napari.add_argument(
        "what", nargs="*", metavar="LINK|FILE|RUN",
        help="link of a dashboard (without its token, that of this user on this machine is taken), maps, or run folders",
    )  # fmt: skip
    napari.set_defaults(run=_napari)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; what the user can mend ends with one sentence and exit code 2."""
    args = parser().parse_args(sys.argv[1:] if argv is None else argv)
    try:
        return int(args.run(args))
    except CryoHypeError as error:
        print(f"cryohype-app: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before it serves
        print("cryohype-app: stopped", file=sys.stderr)
        return 130


def command() -> int:
    """:func:`main` as a process of its own."""
    begin_process()
    return main()


def _serve(args: argparse.Namespace) -> int:
    """Serve runs, training, latent spaces and volumes on one port of this machine."""
    if importlib.util.find_spec("panel") is None:
        raise ConfigError(
            "the dashboard is not installed here; install CryoHype with it, as `pip install '.[all]'` in its folder does"
        )
    if args.host not in LOOPBACK and not (args.tls_cert and args.tls_key) and not args.insecure:
        raise ConfigError(
            f"--host {args.host} lets other machines connect: give --tls-cert and --tls-key, or --insecure if you accept that "
            "the token can be read on the way; an SSH tunnel to the default address needs neither"
        )
    store = args.store or Path()
    if not (args.demo or store.is_dir()):
        raise ConfigError(f"{store} is not a folder; give the folder that holds your runs")
    port = _free_port(args.host, args.port)
    page = ""
    if args.demo:
        from cryohype_app.demo import unpack_demo, user_folder

        store = args.store or user_folder()
        page = f"explore?run={unpack_demo(store).run_id()}"
    from cryohype_app.server.serve import serve

    return serve(args, store.resolve(), port, page)


def _napari(args: argparse.Namespace) -> int:
    """Open napari with CryoHype in it: connected to a dashboard, on maps, on run folders, or empty."""
    if importlib.util.find_spec("napari") is None:
        raise ConfigError(
            "napari is not installed here; install CryoHype with it, as `pip install '.[napari]'` in its folder does"
        )
    from cryohype_app.desktop import has_display

    if not has_display(platform=sys.platform):
        raise ConfigError(
            "there is no display here; run it on your own computer, an SSH tunnel leads to the dashboard (docs/napari.md)"
        )
    links = [word for word in args.what if word.startswith(("http://", "https://"))]
    paths = [word for word in args.what if word not in links]
    for path in paths:
        if not Path(path).exists():
            raise ConfigError(f"{path} does not exist; give a map, a run folder, or the link of a dashboard")
    from cryohype_app.napari_plugin.start import start

    start(links, paths)
    return 0


def _free_port(host: str, wanted: int) -> int:
    """The port, or the next free one of ten.

    Raises
    ------
    ConfigError : none is free, or the address is not of this machine.
    """
    problem = ""
    for port in range(wanted, wanted + 10):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return int(probe.getsockname()[1])
            except (OSError, OverflowError) as error:
                problem = getattr(error, "strerror", None) or str(error)
    raise ConfigError(
        f"no port from {wanted} to {wanted + 9} of {host} can be used ({problem}); choose another with --port or --host"
    )


if __name__ == "__main__":
    raise SystemExit(command())
