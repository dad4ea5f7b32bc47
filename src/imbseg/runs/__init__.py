"""Run folders, or a table of trials from elsewhere -> records, arranged into strategies; one reader of counts."""
