"""The small commands that talk to a running Turnout over HTTP."""

import httpx

from turnout.errors import Unavailable

SECONDS = 30.0


async def show_or_change_mode(url: str, *, key: str, tenant: str, mode: str | None) -> None:
    """Print the modes, after changing one if `mode` is given."""
    headers = {"x-turnout-key": key} if key else {}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=SECONDS) as client:
        try:
            if mode is not None:
                answer = await client.put(f"/v1/modes/{tenant}", json={"mode": mode})
                _must_be_ok(answer)
            answer = await client.get("/v1/modes")
        except httpx.TransportError as reason:
            raise Unavailable(
                f"No Turnout answers at {url}: {reason or 'no connection'}."
            ) from None
        _must_be_ok(answer)
        for name, value in sorted(answer.json().items()):
            print(f"{name}\t{value}")


def _must_be_ok(answer: httpx.Response) -> None:
    if answer.is_error:
        raise Unavailable(
            f"{answer.request.url.host} said {answer.status_code}: {answer.text[:300]}"
        )
