"""Settings: what is read, and what a person is told who writes one wrong."""

import re
from pathlib import Path

import pytest

from turnout import settings
from turnout.settings import BadSetting


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests are not theirs to see."""
    import os

    for name in os.environ:
        if name.upper().startswith("TURNOUT_"):
            monkeypatch.delenv(name)


def test_everything_has_a_working_default() -> None:
    told = settings.load()
    assert told.ingress.host == "127.0.0.1"
    assert told.ingress.port == 8080
    assert told.ingress.max_body_bytes == 32 * 1024 * 1024
    assert not told.ingress.keys
    assert told.data_dir == Path(".turnout")


def test_a_setting_of_every_shape_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_DATA_DIR", "/var/lib/turnout")
    monkeypatch.setenv("TURNOUT_INGRESS__PORT", "9000")
    monkeypatch.setenv("TURNOUT_INGRESS__ALLOWED_HOSTS", '["a", "b"]')
    monkeypatch.setenv("TURNOUT_PROVIDERS__GCP_GEMINI__BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("TURNOUT_ROUTING__MODE", "full")
    monkeypatch.setenv("TURNOUT_TLS__ALLOW_PLAINTEXT", "true")
    told = settings.load()
    assert told.data_dir == Path("/var/lib/turnout")
    assert told.ingress.port == 9000
    assert told.ingress.allowed_hosts == ("a", "b")
    assert told.providers["gcp_gemini"].base_url == "http://127.0.0.1:1"
    assert told.routing.mode == "full"
    assert told.tls.allow_plaintext


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TURNOUT_INGRESS__PORT", "many", "integer.*Port to listen on"),
        ("TURNOUT_INGRESS__PORT", "65536", "65535"),
        ("TURNOUT_NATS__PORT", "0", "greater than or equal to 1"),
        ("TURNOUT_LOG_LEVEL", "loud", "'debug', 'info'"),
        ("TURNOUT_ROUTING__MODE", "fast", "'subagents' or 'full'"),
        ("TURNOUT_INGRESS__KEYS", "tk_x", "JSON"),
        ("TURNOUT_ROUTING__LOCKS", "docs=claude", "JSON, such as '{"),
        ("TURNOUT_INGRESS__ALLOWED_HOSTS", "a,b", "JSON"),
        ("TURNOUT_INGRESS__MAX_BODY_BYTES", "0", "greater than 0"),
        ("TURNOUT_INGRESS__MAX_BODIES_BYTES", "33554431", "MAX_BODY_BYTES, which is 33554432"),
        ("TURNOUT_INGRESS__MAX_HEADER_BYTES", "1023", "1024"),
        ("TURNOUT_CLICKHOUSE__DATABASE", "x; DROP", "letters, digits and underscores"),
        ("TURNOUT_CLICKHOUSE__DATABASE", "", "letters, digits and underscores"),
        ("TURNOUT_CLICKHOUSE__CLUSTER", "a'b", "named as a database is"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it_and_what_is_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting) as wrong:
        settings.load()
    message = str(wrong.value)
    assert message.startswith(f"{name}: ")
    assert re.search(says, message), message
    assert "\n" not in message


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "Infinity"])
def test_no_number_is_infinite(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    numbers = [
        name
        for name, variable in settings.variables().items()
        if re.fullmatch(r"\d+\.\d+", variable.default)
    ]
    assert len(numbers) > 20
    for name in numbers:
        with monkeypatch.context() as set_to:
            set_to.setenv(name, value)
            with pytest.raises(BadSetting, match=f"^{name}: Input should be a finite number; "):
                settings.load()


def test_the_longest_body_fits_the_room_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_INGRESS__MAX_BODY_BYTES", "600000000")
    with pytest.raises(BadSetting, match="^TURNOUT_INGRESS__MAX_BODIES_BYTES: .* is 600000000; "):
        settings.load()
    monkeypatch.setenv("TURNOUT_INGRESS__MAX_BODIES_BYTES", "600000000")
    assert settings.load().ingress.max_bodies_bytes == 600_000_000


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("TURNOUT_INGRESS__PROT", "TURNOUT_INGRESS__PORT"),
        ("turnout_ingress__prot", "TURNOUT_INGRESS__PORT"),
        ("TURNOUT_DATADIR", "TURNOUT_DATA_DIR"),
        ("TURNOUT_PROVIDERS__OPENAI__URL", "TURNOUT_PROVIDERS__<NAME>__BASE_URL"),
    ],
)
def test_a_name_that_does_not_exist_is_refused_with_a_close_one(
    monkeypatch: pytest.MonkeyPatch, name: str, close: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(BadSetting, match=f"{name.upper()} is no setting.*{close}"):
        settings.load()


def test_a_key_with_a_wrong_hash_is_told_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_INGRESS__KEYS", '[{"name": "a", "sha256": "x"}]')
    with pytest.raises(BadSetting, match="TURNOUT_INGRESS__KEYS__0__SHA256"):
        settings.load()


def test_a_tenant_fits_into_a_control_key(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = '[{"name": "a", "sha256": "%s", "tenant": "a.*"}]' % ("0" * 64)
    monkeypatch.setenv("TURNOUT_INGRESS__KEYS", entry)
    with pytest.raises(BadSetting, match="TENANT"):
        settings.load()


def test_a_class_that_does_not_exist_cannot_be_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_ROUTING__LOCKS", '{"everything": "claude-haiku-5-5"}')
    told = "TURNOUT_ROUTING__LOCKS__EVERYTHING: Input should be 'main', .*request classes"
    with pytest.raises(BadSetting, match=told):
        settings.load()


def test_the_key_of_the_small_commands_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_KEY", "tk_secret")
    settings.load()


def test_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_CLICKHOUSE__PASSWORD", "hunter2")
    assert "hunter2" not in repr(settings.load())


def read_name(name: str) -> str:
    return name.replace("<NAME>", "OPENAI").replace("<DIALECT>", "OPENAI_CHAT")


def test_every_variable_is_read_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that are documented are the names that are read."""
    defaults = settings.load()
    for variable in settings.variables().values():
        monkeypatch.setenv(read_name(variable.name), "@")
        try:
            told = settings.load()
        except BadSetting as wrong:
            assert str(wrong).startswith(read_name(variable.name))  # noqa: PT017  (either is right)
        else:
            assert told != defaults, variable.name
        monkeypatch.delenv(read_name(variable.name))
