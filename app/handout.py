"""The deck on paper: `/handout`, a sheet a slide; `?notes=1` with notes, `?file=1` to save.

It is the exported file, served: one way to set a slide in HTML. Streamlit's own pages would draw it
with everything alive in it, which paper has no use for.
"""

from __future__ import annotations

import threading
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.deck.export import export_html
from app.demos import DEMOS
from app.shell import TITLE
from app.slides import read_deck, slides_folder
from nfnet.run import UserError

served = False  # whether the address is there to be linked to
_one_at_a_time = threading.Lock()


def handout(request: Request) -> Response:
    """Answers a GET; Starlette calls it in a thread, so that nobody else waits."""
    notes, file = (request.query_params.get(name) == "1" for name in ("notes", "file"))
    try:
        with _one_at_a_time:  # a class that asks at once has it made once
            version = read_deck(slides_folder())[1]
            text = _made(version, notes, sheets=not file)
    except UserError as error:
        return PlainTextResponse(str(error), status_code=500)
    headers = {"Content-Disposition": 'attachment; filename="lecture.html"'} if file else {}
    return HTMLResponse(text, headers=headers)


@lru_cache(maxsize=4)
def _made(version: int, notes: bool, sheets: bool) -> str:
    folder = slides_folder()
    return export_html(read_deck(folder)[0], DEMOS, folder, TITLE, notes, sheets)


def routes() -> list[Route]:
    """What `python -m app` adds to the server; `streamlit run` has no place for it."""
    global served
    served = True
    return [Route("/handout", handout)]
