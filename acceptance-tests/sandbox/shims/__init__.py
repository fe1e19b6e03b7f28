"""Closes gaps of ministack 1.5.33 that the acceptance tests run into; the list is in docs/sandbox.md.

Each shim replaces functions of one service module and fails loudly when ministack no longer has them, so a new version
is never patched by accident.
"""

from . import (
    api_gateway_patches,
    cross_region,
    event_dead_letters,
    firewall_logging,
    function_logs,
    global_tables,
    image_functions,
    image_layers,
    names_and_checks,
    read_backs,
    stream_failures,
    synthetics,
    vpc_endpoints,
)

ALL = (
    api_gateway_patches,
    cross_region,
    event_dead_letters,
    firewall_logging,
    function_logs,
    global_tables,
    image_functions,
    image_layers,
    names_and_checks,
    read_backs,
    stream_failures,
    synthetics,
    vpc_endpoints,
)


def install():
    for shim in ALL:
        shim.install()
