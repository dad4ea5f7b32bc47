"""Images too large to be read whole: windows of them and of their masks, what their bands hold, where classes are."""
