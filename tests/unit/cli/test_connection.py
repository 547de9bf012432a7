"""--command-config: the files that Kafka's tools and librdkafka take, and what is said of those that cannot be used."""

from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path

import pytest

from kafkade.api.errors import InvalidSpec
from kafkade.cli.connection import registry_from, security_from
from kafkade.cli.properties import jaas, load
from kafkade.clients.kafka_config import SaslOAuth, SaslPassword, Security, TlsFiles, librdkafka_config, ssl_context
from kafkade.devstack.certificates import CertificateAuthority

AUTHORITY = CertificateAuthority()
PAIR = AUTHORITY.client("kafkade")
SECRET = 'pa"s\\s=w:o#rd ü'
BOOTSTRAP = "a:1,b:2"
PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
OAUTH_MODULE = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
CONTINUED = " \\\n".join(("ssl.truststore.certificates=", *AUTHORITY.pem.splitlines()))
"""As Kafka's own documentation writes an inline certificate: over several lines, whose breaks are not in the value."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files that settings name."""
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem)
    (tmp_path / "client.pem").write_text(PAIR.certificate)
    (tmp_path / "client.key").write_text(PAIR.key)
    (tmp_path / "both.pem").write_text(f"Bag Attributes\n{PAIR.key}{PAIR.certificate}{AUTHORITY.pem}")
    (tmp_path / "store.jks").write_bytes(b"\xfe\xed\xfe\xed\x00\x00\x00\x02")
    (tmp_path / "locked.key").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nTUlJ\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    file = folder / "client.properties"
    file.write_text(textwrap.dedent(text))
    return file


def test_without_a_file() -> None:
    assert security_from(BOOTSTRAP, None) == Security(BOOTSTRAP)


GOOD = [
    ("an empty file", "", Security(BOOTSTRAP)),
    (
        "security.protocol does not ask for SASL",
        f'sasl.mechanism=PLAIN\nsasl.jaas.config={PLAIN_MODULE} required username="a" password="b";',
        Security(BOOTSTRAP),
    ),
    (
        "Java, SCRAM",
        f"""\
        # comment
        ! comment
        bootstrap.servers=elsewhere:9092
        security.protocol = sasl_plaintext
        sasl.mechanism : SCRAM-SHA-512
        sasl.jaas.config={SCRAM_MODULE} required \\
            username="alice" \\
            password="top";
        """,
        Security(BOOTSTRAP, sasl=SaslPassword("SCRAM-SHA-512", "alice", "top")),
    ),
    (
        "Java, PLAIN over TLS with the system's CAs, as Confluent Cloud hands it out",
        f"""\
        bootstrap.servers=pkc-1.eu-central-1.aws.confluent.cloud:9092
        security.protocol=SASL_SSL
        sasl.jaas.config={PLAIN_MODULE} required username='KEY' password='a+b/c==';
        sasl.mechanism=PLAIN
        client.dns.lookup=use_all_dns_ips
        session.timeout.ms=45000
        acks=all
        client.id=ccloud-java-client-1
        schema.registry.url=https://psrc-1.confluent.cloud
        basic.auth.credentials.source=USER_INFO
        basic.auth.user.info=KEY:SECRET
        """,
        Security(
            BOOTSTRAP,
            TlsFiles(),
            SaslPassword("PLAIN", "KEY", "a+b/c=="),
            client_config={"client.dns.lookup": "use_all_dns_ips"},
        ),
    ),
    (
        "librdkafka, SCRAM over TLS with an own CA",
        """\
        security.protocol=sasl_ssl
        sasl.mechanisms=SCRAM-SHA-256
        sasl.username=alice
        sasl.password=top
        ssl.ca.location=ca.pem
        """,
        Security(BOOTSTRAP, TlsFiles(AUTHORITY.pem), SaslPassword("SCRAM-SHA-256", "alice", "top")),
    ),
    (
        "librdkafka, mutual TLS",
        """\
        security.protocol=ssl
        ssl.ca.location=ca.pem
        ssl.certificate.location=client.pem
        ssl.key.location=client.key
        ssl.key.password=
        """,
        Security(BOOTSTRAP, TlsFiles(AUTHORITY.pem, PAIR.certificate, PAIR.key)),
    ),
    (
        "Java, PEM stores; the host name is not checked",
        """\
        security.protocol=SSL
        ssl.truststore.type=PEM
        ssl.truststore.location=ca.pem
        ssl.keystore.type=PEM
        ssl.keystore.location=both.pem
        ssl.endpoint.identification.algorithm=
        """,
        Security(
            BOOTSTRAP,
            TlsFiles(AUTHORITY.pem, PAIR.certificate + AUTHORITY.pem, PAIR.key),
            client_config={"ssl.endpoint.identification.algorithm": "none"},
        ),
    ),
    (
        "Java, certificates in the file itself",
        f"security.protocol=SSL\nssl.truststore.type=PEM\n{CONTINUED}\nssl.endpoint.identification.algorithm=HTTPS",
        Security(
            BOOTSTRAP,
            TlsFiles(AUTHORITY.pem),
            client_config={"ssl.endpoint.identification.algorithm": "https"},
        ),
    ),
    (
        "librdkafka, no verification",
        "security.protocol=ssl\nenable.ssl.certificate.verification=false",
        Security(BOOTSTRAP, TlsFiles(verify=False)),
    ),
    (
        "librdkafka, OAuth",
        """\
        security.protocol=SASL_PLAINTEXT
        sasl.mechanism=OAUTHBEARER
        sasl.oauthbearer.method=OIDC
        sasl.oauthbearer.client.id=kafkade
        sasl.oauthbearer.client.secret=top
        sasl.oauthbearer.scope=kafka
        sasl.oauthbearer.token.endpoint.url=https://idp/token
        """,
        Security(BOOTSTRAP, sasl=SaslOAuth("https://idp/token", "kafkade", "top", "kafka")),
    ),
    (
        "Java, OAuth",
        f"""\
        security.protocol=SASL_PLAINTEXT
        sasl.mechanism=OAUTHBEARER
        sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler
        sasl.oauthbearer.token.endpoint.url=https\\://idp/token
        sasl.jaas.config={OAUTH_MODULE} required clientId="kafkade" clientSecret="top" scope="kafka" ;
        """,
        Security(BOOTSTRAP, sasl=SaslOAuth("https://idp/token", "kafkade", "top", "kafka")),
    ),
    (
        "Java 4.1 and later, OAuth by settings (KIP-1139)",
        """\
        security.protocol=SASL_PLAINTEXT
        sasl.mechanism=OAUTHBEARER
        sasl.oauthbearer.token.endpoint.url=https://idp/token
        sasl.oauthbearer.client.credentials.client.id=kafkade
        sasl.oauthbearer.client.credentials.client.secret=top
        """,
        Security(BOOTSTRAP, sasl=SaslOAuth("https://idp/token", "kafkade", "top")),
    ),
    (
        "connection settings go through; the last of two counts",
        "socket.timeout.ms=1\nsocket.timeout.ms=30000",
        Security(BOOTSTRAP, client_config={"socket.timeout.ms": "30000"}),
    ),
]


@pytest.mark.parametrize(("text", "expected"), [pytest.param(t, s, id=reason) for reason, t, s in GOOD])
def test_files_that_can_be_used(folder: Path, text: str, expected: Security) -> None:
    found = security_from(BOOTSTRAP, write(folder, text))
    assert found == expected
    assert "top" not in repr(found)
    if found.tls is not None:
        ssl_context(found.tls)  # the PEM text is still whole


SASL = "security.protocol=SASL_PLAINTEXT\n"
BAD = [
    ("security.protocol=TLS", "line 1: security.protocol must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
    (
        "\n# a\nssl.ca.locatoin=x",
        "line 3: ssl.ca.locatoin is not a setting that kafkade knows: did you mean ssl.ca.location?",
    ),
    ("plugin.library.paths=evil.so", "line 1: plugin.library.paths is not a setting that kafkade knows: take it out"),
    (SASL, "sasl.mechanism must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER (it is GSSAPI"),
    (SASL + "sasl.mechanisms=AWS_MSK_IAM", "line 2: sasl.mechanisms must be one of PLAIN"),
    (SASL + "sasl.mechanism=PLAIN", "client.properties: sasl.username must give a user name and a password for PLAIN"),
    (SASL + "sasl.mechanism=PLAIN\nsasl.username=a", "line 3: sasl.username must give a user name and a password"),
    (
        SASL + f'sasl.mechanism=PLAIN\nsasl.jaas.config={PLAIN_MODULE} required username="a";',
        "line 3: sasl.jaas.config must give a user name and a password for PLAIN",
    ),
    (
        SASL + f'sasl.mechanism=PLAIN\nsasl.jaas.config={SCRAM_MODULE} required username="a" password="top";',
        "line 3: sasl.jaas.config names ScramLoginModule, but this sasl.mechanism takes PlainLoginModule",
    ),
    (
        SASL + f'sasl.mechanism=PLAIN\nsasl.jaas.config={PLAIN_MODULE} required username="a" password="top',
        "line 3: sasl.jaas.config must be like",
    ),
    (
        SASL + f'sasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config={SCRAM_MODULE} required username="a" password="top"'
        ' tokenauth="true";',
        "has tokenauth",
    ),
    (SASL + "sasl.mechanism=OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url must be set"),
    (
        SASL + "sasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=https://idp",
        "sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret",
    ),
    (
        SASL + "sasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.method=default",
        "line 3: sasl.oauthbearer.method must be oidc",
    ),
    (
        "security.protocol=SSL\nssl.truststore.location=store.jks\nssl.truststore.password=top",
        "line 2: ssl.truststore.location names store.jks, which is not PEM: kafkade reads no JKS or PKCS12 stores;"
        " `keytool -list -rfc",
    ),
    ("security.protocol=SSL\nssl.keystore.location=store.jks", "-deststoretype pkcs12` and `openssl pkcs12"),
    (
        "security.protocol=SSL\nssl.ca.location=absent.pem",
        "line 2: ssl.ca.location names absent.pem, which cannot be read",
    ),
    ("security.protocol=SSL\nssl.ca.location=.", "line 2: ssl.ca.location names ., which cannot be read"),
    ("security.protocol=SSL\nssl.ca.location=client.key", "line 2: ssl.ca.location gives no PEM certificate"),
    ("security.protocol=SSL\nssl.keystore.location=ca.pem", "line 2: ssl.keystore.location gives no PEM private key"),
    (
        "security.protocol=SSL\nssl.certificate.location=client.pem\nssl.key.location=locked.key\nssl.key.password=top",
        "line 3: ssl.key.location gives an encrypted private key: `openssl pkey",
    ),
    (
        "security.protocol=SSL\nssl.certificate.location=client.pem",
        "line 2: ssl.certificate.location is half of a client certificate",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_files_that_cannot_be_used(folder: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidSpec) as raised:
        security_from(BOOTSTRAP, write(folder, text))
    assert message in raised.value.message
    assert "client.properties" in raised.value.message
    assert "top" not in raised.value.message


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match=r"absent\.properties cannot be read: No such file"):
        security_from(BOOTSTRAP, tmp_path / "absent.properties")


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("a=b", "a", "b"),
        ("  a  =  b  ", "a", "b  "),
        ("a:b=c", "a", "b=c"),
        ("a b c", "a", "b c"),
        ("a", "a", ""),
        ("a==b", "a", "=b"),
        (r"a\=b\ c=d", "a=b c", "d"),
        (r"a=\u00fc\t\q\\", "a", "ü\tq\\"),
        ("a=b\\\n   c", "a", "bc"),
        ("a=b\\\\\n", "a", "b\\"),
        ("a=b\\", "a", "b"),
        ("\ufeffa=ü", "a", "ü"),
    ],
)
def test_the_format_is_that_of_java(tmp_path: Path, line: str, key: str, value: str) -> None:
    file = tmp_path / "one.properties"
    file.write_text(line, encoding="utf-8")
    settings = load(file)
    assert [(k, settings.text(k)) for k in settings] == [(key, value)]


def test_text_that_is_not_utf8_is_taken_as_java_takes_it(tmp_path: Path) -> None:
    file = tmp_path / "one.properties"
    file.write_bytes(b"a=\xfc")
    assert load(file).get("a") == "ü"
    assert "ü" not in repr(load(file))


@pytest.mark.parametrize("quote", ['"', "'"])
def test_any_password_fits_into_a_jaas_line(quote: str) -> None:
    escaped = SECRET.replace("\\", "\\\\").replace(quote, "\\" + quote)
    login = jaas(f"a.b.PlainLoginModule required\n username={quote}x{quote} password={quote}{escaped}{quote};")
    assert login is not None
    assert (login.module, login.options) == ("PlainLoginModule", {"username": "x", "password": SECRET})
    assert SECRET not in repr(login)


def test_a_file_reaches_librdkafka(folder: Path) -> None:
    text = "security.protocol=SSL\nssl.truststore.location=ca.pem\nretry.backoff.ms=200"
    config = librdkafka_config(security_from(BOOTSTRAP, write(folder, text)), 10)
    assert (config["security.protocol"], config["ssl.ca.pem"], config["retry.backoff.ms"]) == (
        "SSL",
        AUTHORITY.pem,
        "200",
    )


REGISTRIES = [
    ("basic.auth.user.info=alice:to:p", "Basic YWxpY2U6dG86cA=="),
    ("schema.registry.basic.auth.user.info=alice:top", "Basic YWxpY2U6dG9w"),
    ("bearer.auth.token=top", "Bearer top"),
    ("schema.registry.ssl.truststore.location=ca.pem", None),
]


@pytest.mark.parametrize(("text", "header"), REGISTRIES)
def test_the_registry_takes_its_credentials_from_the_file(folder: Path, text: str, header: str | None) -> None:
    client = registry_from("https://one:8081, https://two:8081/x/", write(folder, text))
    assert client is not None
    assert repr(client) == "RegistrySchemas(https://one:8081, https://two:8081/x)"
    auth = client._http._auth
    assert (None if auth is None else auth.header) == header
    asyncio.run(client.close())


def test_without_a_registry(folder: Path) -> None:
    assert registry_from(None, write(folder, "")) is None


@pytest.mark.parametrize(
    ("url", "text", "message"),
    [
        ("localhost:8081", "", "--registry must be a URL such as"),
        ("http://alice:top@localhost:8081", "", "--registry must carry no credentials"),
        ("http://localhost:8081", "basic.auth.user.info=top", "line 1: basic.auth.user.info must be a user name"),
        ("http://localhost:8081", "schema.registry.ssl.truststore.location=store.jks", "which is not PEM"),
    ],
)
def test_registries_that_cannot_be_used(folder: Path, url: str, text: str, message: str) -> None:
    with pytest.raises(InvalidSpec) as raised:
        registry_from(url, write(folder, text))
    assert message in raised.value.message
    assert "top" not in raised.value.message
