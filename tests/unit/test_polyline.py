"""The polyline codec: exact to 5 decimals, and never an unexpected error."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controltower.polyline import PolylineError, decode, encode

lats = st.integers(-9_000_000, 9_000_000).map(lambda units: units / 100_000)
lons = st.integers(-18_000_000, 18_000_000).map(lambda units: units / 100_000)


def test_a_known_path_has_its_known_text() -> None:
    """The example of the format's description is reproduced in both directions."""
    points = [(38.5, -120.2), (40.7, -120.95), (43.252, -126.453)]
    text = "_p~iF~ps|U_ulLnnqC_mqNvxq`@"
    assert encode(points) == text
    assert decode(text) == points


@given(st.lists(st.tuples(lats, lons), max_size=40))
def test_what_was_encoded_decodes_to_the_same(points: list[tuple[float, float]]) -> None:
    """Points of 5 decimals survive exactly."""
    assert decode(encode(points)) == points


@given(st.text(max_size=60))
def test_any_text_decodes_or_is_refused_by_name(text: str) -> None:
    """Foreign text raises PolylineError and nothing else."""
    with suppress(PolylineError):
        assert all(len(point) == 2 for point in decode(text))


@pytest.mark.parametrize("text", ["_", "_p~iF", " ", "~~~~~~~~~~~~"])
def test_broken_text_is_refused(text: str) -> None:
    """A cut number, a lone latitude, a foreign character and an endless number are refused."""
    with pytest.raises(PolylineError):
        decode(text)
