"""FastAPI: tokens and origins, the REST and websocket API, and the pages of Panel on the same port."""
