"""Passwords in data.source: refused, and never shown."""

import pytest

from samesku.params.secrets import check_source, hide_secrets


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ftp://ann:pa:ss@host/shop.zip", "ftp://ann:***@host/shop.zip"),
        ("ftp://ann:p/w@host/shop.zip", "ftp://ann:p/w@host/shop.zip"),  # no password: a / ends the host
        ("https://TOKEN@host/shop.zip", "https://***@host/shop.zip"),
        ("https://:pw@host/shop.zip", "https://***@host/shop.zip"),
        (
            "https://host/shop.zip?a=1&X-Amz-Signature=abc&b=2",
            "https://host/shop.zip?a=1&X-Amz-Signature=***&b=2",
        ),
        ("https://host/shop.zip?access_token=abc", "https://host/shop.zip?access_token=***"),
    ],
)
def test_a_password_is_refused_and_hidden(address, shown):
    assert hide_secrets(address) == shown
    problems = list(check_source(address))
    assert len(problems) == (shown != address)
    assert all("FSSPEC_FTP_PASSWORD" in problem and shown in problem for problem in problems)


@pytest.mark.parametrize(
    "address",
    [
        "data/demo/catalogue.zip",
        "s3://bucket/a@b.zip",
        "sftp://ann@host/shop",
        "https://host/a@b/shop.zip?v=2",
    ],
)
def test_an_address_without_one_is_left_alone(address):
    assert hide_secrets(address) == address
    assert not list(check_source(address))
