"""Arrays -> arrays: draw parameters, then apply them; one warp for all geometry, one pass for all colour."""
