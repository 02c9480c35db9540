"""The lab for a page that runs Python in the browser: what the page asks, and edits of a file."""
