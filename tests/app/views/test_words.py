from __future__ import annotations

from bokeh.document import Document
from panel.io.state import set_curdoc

from cryohype_app.views.words import Words


def test_what_is_rendered_does_not_come_back_as_a_text() -> None:
    """As the browser's echo of a change would: panel-material-ui's Typography takes it for the user's."""
    document = Document()
    with set_curdoc(document):
        words = Words("first")
        model = words.get_root(document)
        words.object = "**second**"
        model.text = model.text + " "
    assert words.object == "**second**"
    assert "strong" in model.text
