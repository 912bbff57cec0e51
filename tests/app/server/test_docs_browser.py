"""/docs in a browser: drawn, usable with the page's cookie, and no other host is asked."""

from __future__ import annotations

from typing import Any

from tests.app.server.conftest import TOKEN


def test_the_docs_are_drawn_and_try_a_request(chromium: Any, served: str) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith((served, "data:")) else problems.append(request.url))
    page.goto(f"{served}/docs?token={TOKEN}")
    operation = page.locator("[id^=operations-runs-list_runs]")
    operation.locator(".opblock-summary-control").click()
    operation.locator("button.execute").click()
    answer = operation.locator(".live-responses-table .highlight-code").first
    answer.wait_for()
    assert '"name": "run"' in answer.inner_text()
    page.close()
    assert problems == []
