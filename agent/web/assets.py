"""The built pages, served as they lie in the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, Response

from agent.web.problems import Refusal

PAGES = {"/": "index.html", "/projector": "projector.html", "/s": "s.html"}
IMMUTABLE = "public, max-age=31536000, immutable"


def static_folder() -> Path:
    """The built pages: in the installed package, or in a checkout."""
    here = Path(__file__).resolve().parent
    packaged = here / "static"
    return packaged if packaged.is_dir() else here.parents[1] / "frontend" / "dist"


def add_pages(app: FastAPI, static: Path) -> None:
    """Serve the pages of a folder, and what they load."""

    class Assets(StaticFiles):
        """Files whose names hold their hash: kept for ever."""

        def file_response(self, *args: Any, **kwargs: Any) -> Response:
            answer = super().file_response(*args, **kwargs)
            answer.headers["Cache-Control"] = IMMUTABLE
            return answer

    assets = GZipMiddleware(Assets(directory=static / "assets", check_dir=False))
    app.mount("/assets", assets, name="assets")

    def page(file: str) -> Callable[[], Any]:
        async def serve() -> Response:
            path = static / file
            if not path.is_file():
                raise Refusal(503, "pages_not_built", file, "run ./dev setup, or install a release")
            return FileResponse(path, headers={"Cache-Control": "no-cache"})

        return serve

    for path, file in PAGES.items():
        app.add_api_route(path, page(file), include_in_schema=False)
