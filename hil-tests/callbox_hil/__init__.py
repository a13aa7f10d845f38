"""What the black-box suite knows about a box: how to start one, its REST side, and a scripted phone.

It knows only the published protocol (PROTOCOL.md), never the sources, so the same tests run against any target.
"""
