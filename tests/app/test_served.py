"""Where the server is reached: links, and the tunnel that leads to it."""

from __future__ import annotations

import pytest

from cryohype_app.served import MASK, Served, login_here

TOKEN = "a-secret-token-of-a-test"


@pytest.mark.parametrize(
    ("served", "host", "address"),
    [
        (Served(), "localhost:8050", "http://localhost:8050/"),
        (Served(), "127.0.0.1:8050", "http://127.0.0.1:8050/"),
        (Served(), "localhost:9000", "http://localhost:9000/"),
        (Served(), "[::1]:8050", "http://[::1]:8050/"),
        (Served(scheme="https", host="0.0.0.0", port=8443), "gpu.example.org:8443", "https://gpu.example.org:8443/"),
        (Served(scheme="https", host="::", port=443), "gpu.example.org", "https://gpu.example.org/"),
        (Served(host="0.0.0.0"), "[fd00::7]:8050", "http://[fd00::7]:8050/"),
        (Served(), "", "http://localhost:8050/"),
        (Served(host="192.168.1.7"), "nonsense:port", "http://192.168.1.7:8050/"),
        (Served(), "localhost:8050/..", "http://localhost:8050/"),
        (Served(), "user@elsewhere", "http://localhost:8050/"),
        (Served(), "a b:8050", "http://localhost:8050/"),
        (Served(), "[::1", "http://localhost:8050/"),
    ],
)
def test_the_link_leads_where_the_browser_came(served: Served, host: str, address: str) -> None:
    assert served.reached(host) == address


@pytest.mark.parametrize(
    ("served", "line", "address"),
    [
        (Served(port=8051), "ssh -N -L 8051:localhost:8051 me@gpu", "http://localhost:8051/"),
        (Served(host="::1"), "ssh -N -L 8050:localhost:8050 me@gpu", "http://localhost:8050/"),
        (Served("https", "0.0.0.0", 8443), "ssh -N -L 8443:localhost:8443 me@gpu", "https://localhost:8443/"),
        (Served(host="192.168.1.7"), "ssh -N -L 8050:192.168.1.7:8050 me@gpu", "http://localhost:8050/"),
        (Served(host="fd00::7"), "ssh -N -L 8050:[fd00::7]:8050 me@gpu", "http://localhost:8050/"),
    ],
)
def test_the_tunnel_ends_where_the_server_listens(served: Served, line: str, address: str) -> None:
    assert served.tunnel("me@gpu") == line
    assert served.tunnelled == address


def test_a_name_cannot_become_a_command() -> None:
    assert Served().tunnel("me@gpu; rm -r ~").endswith(" 'me@gpu; rm -r ~'")


def test_the_token_is_in_the_whole_link_only() -> None:
    served = Served(token=TOKEN)
    address = served.reached("localhost:8050")
    assert served.with_token(address) == f"http://localhost:8050/?token={TOKEN}"
    assert served.masked(address) == f"http://localhost:8050/?token={MASK}"
    assert TOKEN not in repr(served) + served.here + served.tunnelled + served.tunnel("me@gpu")


def test_the_login_is_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "me")
    monkeypatch.setattr("socket.gethostname", lambda: "gpu")
    for full, expected in [("gpu.example.org", "gpu.example.org"), ("localhost.localdomain", "gpu"), ("gpu", "gpu")]:
        monkeypatch.setattr("socket.getfqdn", lambda full=full: full)
        assert login_here() == f"me@{expected}"


def test_a_container_without_users_has_a_login_to_fill_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert login_here().startswith("USER@")
