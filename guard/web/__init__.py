"""The pages for people: what this service is, and where a file comes from."""

from guard.web.pages import router

__all__ = ["router"]
