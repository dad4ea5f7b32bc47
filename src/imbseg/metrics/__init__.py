"""Confusion counts once (counts), every score a formula on them (scores)."""
