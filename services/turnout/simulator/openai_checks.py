"""What OpenAI says of a request in whichever of its two formats."""

from turnout.simulator.bodies import Unreadable, read_object
from turnout.simulator.exchange import Headers, Refused, credential_of
from turnout.simulator.json_types import JsonObject


def read_body(data: bytes, headers: Headers) -> JsonObject:
    """The object of a request that has a key, or `Refused`."""
    if not credential_of(headers):
        raise Refused(
            "You didn't provide an API key. You need to provide your API key in an Authorization"
            " header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            status=401,
        )
    try:
        return read_object(data)
    except Unreadable as error:
        raise Refused(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't"
            f" using your HTTP library correctly. {error})"
        ) from error


def check_length(value: str, where: str, *, most: int) -> None:
    """Raises `Refused` on a string of more than `most` characters."""
    if len(value) > most:
        raise Refused(
            f"Invalid '{where}': string too long. Expected a string with maximum length {most}, but"
            f" got a string with length {len(value)} instead.",
            code="string_above_max_length",
            param=where,
        )
