"""Files on disk -> samples: what a data set is (spec), its id lists (ids), its images and masks (read)."""
