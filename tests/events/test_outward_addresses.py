"""Every address that may not be dialled, in every spelling that has fooled somebody."""

import ipaddress

import pytest

from quixess.events import outward

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.1.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:a9fe:a9fe",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.128.0.1",
    "172.32.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2606:4700:4700::1111",
    "2a00:1450:4001:830::200e",
]
NO_ADDRESS = ["", "localhost", "127.1", "0177.0.0.1", "2130706433", "0x7f.1", "fe80::1%eth0", "8.8.8.8%1", "1.1.1.1\0"]
EVERYTHING = (ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0"))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_forbidden(address):
    assert outward.forbidden(address, outward.Policy())


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_dialled(address):
    assert outward.forbidden(address, outward.Policy()) is None


@pytest.mark.parametrize("address", NO_ADDRESS)
def test_what_is_not_a_plain_address_is_forbidden_even_when_all_networks_are_open(address):
    assert outward.forbidden(address, outward.Policy(networks=EVERYTHING))


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "127.0.0.1", "fd12::1", "168.63.129.16"]
)
def test_an_operator_can_open_a_network(address):
    assert outward.forbidden(address, outward.Policy(networks=EVERYTHING)) is None


def test_an_open_network_opens_nothing_beside_it():
    policy = outward.Policy(networks=(ipaddress.IPv4Network("10.1.0.0/16"),))
    assert outward.forbidden("10.1.255.1", policy) is None
    assert outward.forbidden("10.2.0.1", policy)
    assert outward.forbidden("fd12::1", policy)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254"],
)
def test_no_operator_can_open_the_metadata_addresses(address):
    assert outward.forbidden(address, outward.Policy(networks=EVERYTHING))
