"""Reports of several data sets -> one verdict: which remedy paid where, and which advice of the diagnosis held."""
