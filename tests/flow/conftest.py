"""Fixtures of tests/flow."""

import pytest

from tests.flow.join_tool import JoinTool


@pytest.fixture
def tool():
    tool = JoinTool()
    yield tool
    tool.end()
