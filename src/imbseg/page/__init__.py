"""The report as one HTML page: content (what is shown), charts (SVG), render (the file)."""
