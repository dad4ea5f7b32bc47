"""The report's figures: plain tables in, a canvas out that serves page, files and notebook."""
