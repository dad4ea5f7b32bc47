"""A race of strategies: few epochs and one seed for all, full epochs and more seeds for those that aren't beaten."""
